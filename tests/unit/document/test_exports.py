"""Every export converts, and its strings stay strings for every YAML reader."""

from __future__ import annotations

import json
from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from run_operator.api.exported import manifest
from run_operator.document import errors
from run_operator.document.entity import load, parse
from run_operator.document.kinds import RUNTIMES, EntityType, of_run
from run_operator.document.names import MAX_NAME, Reference, object_name
from run_operator.document.yaml_reader import MAX_BYTES, Parsed, read
from run_operator.document.yaml_writer import write
from tests.support.examples import examples

EXPORTS = sorted((Path(__file__).parents[2] / "data" / "exports").glob("*.yaml"))
GOOD = b"kind: container+job:run\nproject: p\nid: a\nspec:\n  task: container+job://p/t\n"


def exactly(value) -> str:
    """For comparing: True, 1 and 1.0 differ, as do the orders of keys."""
    return json.dumps(value)


def yaml_1_2(text: str):
    return YAML(typ="safe", pure=True).load(StringIO(text))


@pytest.mark.parametrize("path", EXPORTS, ids=lambda p: p.stem)
def test_every_export_converts_and_all_readers_agree(path):
    made = manifest(load(path.read_bytes()))
    text = write(made)
    assert yaml.safe_load(text) == made
    assert yaml_1_2(text) == made
    assert made["spec"] == read(path.read_bytes()).value


def test_there_are_exports():
    assert len(EXPORTS) > 30


@pytest.mark.parametrize(
    ("data", "error", "line", "said"),
    [
        (b"", errors.ManyDocumentsError, None, "empty"),
        (b"a: [1", errors.NotYamlError, 1, "not YAML"),
        (b"a: 1\nb: c: d\n", errors.NotYamlError, 2, "not YAML"),
        (b"- 1\n", errors.NotAnExportError, 1, "top level is not a map"),
        (GOOD + b"---\n" + GOOD, errors.ManyDocumentsError, 6, "second document"),
        (b"\xff\xfe", errors.NotUtf8Error, 1, "not UTF-8"),
        (b"x" * (MAX_BYTES + 1), errors.TooLargeError, None, "larger than"),
        (
            b"kind: container+job:run\nproject: p\nspec: {}\n",
            errors.MissingFieldError,
            None,
            "'id' is missing",
        ),
        (
            GOOD.replace(b"  task: container+job://p/t", b"  task: 1"),
            errors.WrongTypeError,
            5,
            "must be a text",
        ),
        (
            GOOD.replace(b"  task: container+job://p/t", b"  task: t"),
            errors.InvalidKindError,
            None,
            "names no",
        ),
        (GOOD.replace(b"id: a", b"id: 12345678"), errors.WrongTypeError, 3, "quote it"),
        (GOOD.replace(b"id: a", b"id: a/b"), errors.NotAnExportError, 3, "letters, digits"),
        (GOOD.replace(b"id: a", b"id: " + b"a" * 257), errors.NotAnExportError, 3, "1 to 256 letters"),
        (GOOD.replace(b"job://", b"serve://"), errors.InvalidKindError, 1, "container+serve"),
        (GOOD + b"id: b\n", errors.NotYamlError, 6, "is defined twice"),
        (GOOD + b"user: .nan\n", errors.UnrepresentableError, 6, "not a number Kubernetes can hold"),
        (GOOD + b"user: 99999999999999999999\n", errors.UnrepresentableError, 6, "64 bits"),
        (GOOD + b"user: !!python/object:os.system x\n", errors.NotYamlError, 6, ""),
        (b"apiVersion: v1\nkind: Pod\n", errors.NotAnExportError, 1, "a Kubernetes manifest"),
        (b"[" * 200, errors.TooLargeError, 1, "levels deep"),
        (GOOD + b"user: 1" + b":0" * 200_000 + b"\n", errors.NotYamlError, 6, "too many for a number"),
        (GOOD + b"user: " + b"9" * 400_000 + b"\n", errors.NotYamlError, 6, "too many for a number"),
        (GOOD + b"user: 'a\0b'\n", errors.NotYamlError, 6, "U+0000 is not allowed"),
        (GOOD + b'user: "\\U00110000"\n', errors.NotYamlError, 6, "beyond U+10FFFF"),
        (GOOD + b'user: "\\ud83d"\n', errors.UnrepresentableError, 6, "half of a character"),
        (GOOD + b"metadata:\n  a: !!bool x\n", errors.NotYamlError, 7, "cannot be read as 'bool'; quote it"),
        (GOOD + b"user: !!int ''\n", errors.NotYamlError, 6, "cannot be read as 'int'; quote it"),
        (GOOD + b"user: " + b"9" * 9999 + b"\n", errors.NotYamlError, 6, "quote it"),
        (GOOD + b"metadata: {<<: {a: 1}}\n", errors.UnrepresentableError, 6, "merge keys"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(data, error, line, said):
    with pytest.raises(errors.DocumentError) as caught:
        load(data)
    assert said in str(caught.value)
    assert isinstance(caught.value, error)
    if line is not None:
        assert caught.value.line == line


@pytest.mark.parametrize(
    ("kind", "key", "said"),
    [
        ("scheduler", "store://p/trigger/scheduler/a:1c2d", "an exported trigger"),
        ("project", "store://p", "an exported project"),
    ],
)
def test_what_the_platform_exports_besides_is_no_function(kind, key, said):
    data = f"kind: {kind}\nspec: {{path: x}}\nproject: p\nname: a\nid: 1c2d\nkey: {key}\n".encode()
    with pytest.raises(errors.NotAnExportError, match=said) as caught:
        load(data)
    assert caught.value.line == 1
    assert load(
        data.replace(key.encode(), b"store://p/workflow/hera/a:1c2d").replace(b"project\n", b"hera\n")
    )


@pytest.mark.parametrize(
    ("kind", "entity", "wanted"),
    [
        ("artifact", "artifact", EntityType.ARTIFACT),
        ("table", "dataitem", EntityType.DATAITEM),
        ("_generic", "model", EntityType.MODEL),
        ("container-image", "containerimage", EntityType.CONTAINER_IMAGE),
    ],
)
def test_the_key_or_who_asks_tells_what_has_content_from_a_function(kind, entity, wanted):
    document = {"kind": kind, "spec": {"path": "x"}, "project": "p", "name": "a", "id": "1c2d"}
    keyed = document | {"key": f"store://p/{entity}/{kind}/a:1c2d"}
    assert parse(Parsed(keyed, {})).type is wanted
    assert parse(Parsed(document, {}), wanted).type is wanted
    made = manifest(parse(Parsed(keyed, {})), namespace="ml")
    assert (made["kind"], made["spec"]) == (wanted.value, keyed)
    with pytest.raises(errors.MissingFieldError, match=f"a {wanted.value} is found by its name"):
        parse(Parsed({key: value for key, value in keyed.items() if key != "name"}, {}))


def test_the_kind_of_what_has_content_may_be_any_word_and_nothing_else():
    document = {"kind": "a/b", "spec": {}, "project": "p", "name": "a", "id": "1c2d"}
    with pytest.raises(errors.InvalidKindError, match="letters, digits"):
        parse(Parsed(document, {}), EntityType.ARTIFACT)


def test_a_null_says_nothing():
    nulls = b"metadata: null\nstatus: ~\nuser:\nname: null\nkey: null\nextensions: null\n"
    assert dict(load(GOOD + nulls).document) == dict(load(GOOD).document)
    with pytest.raises(errors.WrongTypeError, match="'spec' must be a map, not nothing"):
        load(b"kind: container+job:run\nproject: p\nid: a\nspec: null\n")


@pytest.mark.parametrize("task", ["container+job", "container+job://demo", "container+job://demo/"])
def test_the_action_is_found_in_a_task_without_an_id_too(task):
    assert of_run("container+run", task).label == "container+job"
    with pytest.raises(errors.InvalidKindError, match="is one of container"):
        of_run("container+serve:run", task)


def test_a_yaml_bomb_is_refused_before_it_grows():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(errors.TooLargeError, match="more than"):
        load("\n".join(lines).encode())


def test_aliases_cannot_hide_how_deep_a_document_is():
    lines = [f"a0: &a0 {'[' * 40}{']' * 40}"]
    lines += [f"a{i}: &a{i} {'[' * 40}*a{i - 1}{']' * 40}" for i in range(1, 40)]
    with pytest.raises(errors.TooLargeError, match="levels deep") as caught:
        load("\n".join(lines).encode())
    assert caught.value.line == 2


def test_an_emoji_that_json_wrote_as_two_escapes_is_one_character():
    assert read(rb'["\ud83d\ude00", "\U0001F600"]').value == ["\U0001f600"] * 2


def test_an_alias_of_an_export_is_expanded():
    value = read(GOOD + b"metadata: &m {a: 1}\nstatus: *m\n").value
    assert value["status"] == {"a": 1}
    assert "*" not in write(value)


def test_the_exponent_id_stays_a_string():
    assert read(b"id: 123e4567\nlr: 1e-3\nt: 2026-01-01\n").value == {
        "id": "123e4567",
        "lr": "1e-3",
        "t": "2026-01-01",
    }


class SdkLoader(yaml.SafeLoader):
    """As the SDK reads its own files: timestamps are texts."""


SdkLoader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)
AWKWARD = [
    "yes", "n", "NO", "off", "~", "null", "Null", "1e3", "123e4567", "1e-3", ".5", "5.", "+1", "-0", ".inf", "-.Inf",
    "NaN", ".nan", "0x10", "0o17", "017", "0b1", "1_000", "1,000", "1:30", "12:30:45", "2026-01-01", "2026-01-01T00:00:00Z",
    "=", "<<", "---", "...", "- a", "a: b", "a #b", "#", "!x", "!!int 1", "&a", "*a", "%YAML", "@", "`", "?", "|", ">",
    "'", '"', "{", "[", "a,", "\t", " a", "a ", "a\n", "\na", "a\n\n b\n", "a\r\nb", "a\tb", "\ufeffa", "a\x85b", "a\u2028b",
    "\x00", "\x1b[31m", "\x7f", "\ufffe", "\uffff", "é", "日本", "\U0001f600", "a" * 200, "word " * 40, "k" * 130 + "\n" + "v",
]  # fmt: skip
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(AWKWARD)
NUMBER = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
FRAGMENTS = st.lists(
    st.sampled_from([*"{}[]:,-?|>\n ", "\n  ", "\n- ", ": ", "a", "b: ", "&x ", "*x", "!!int ", "!!str ", "!!null ", "! ",
                     "!!float ", "!!map ", "!!seq ", "!!bool ", "'", '"', "\\x41", "\\ud83d", "\\U00110000", "1", "1.5",
                     "0o7", "---\n", "# c\n", "<<: ", "2026-01-01", "|2-\n  ", ">+\n", *AWKWARD]),
    max_size=14,
).map("".join)  # fmt: skip


@settings(max_examples=examples(400), deadline=None)
@given(JSON)
def test_what_the_sdk_writes_every_reader_takes_for_the_same_value_after_conversion(value):
    """Folded and escaped texts, aliases of what occurs twice, keys of any kind."""
    export = yaml.dump({"once": value, "again": value}, sort_keys=False)
    wanted = exactly({"once": value, "again": value})
    assert exactly(read(export.encode()).value) == exactly(yaml.load(export, SdkLoader)) == wanted  # noqa: S506
    text = write(read(export.encode()).value)
    assert exactly(yaml.safe_load(text)) == exactly(yaml_1_2(text)) == wanted


@pytest.mark.parametrize("text", ["&a\n- &a", "[&a 1, &a 2]", "&a {x: &a 1}"])
def test_an_anchor_that_stands_twice_is_refused_as_pyyaml_does(text):
    with pytest.raises(errors.NotYamlError, match="the anchor &a is defined twice"):
        read(text.encode())


@settings(max_examples=examples(1000), deadline=None)
@given(FRAGMENTS)
def test_what_is_read_at_all_is_read_as_pyyaml_reads_it(text):
    with suppress(errors.DocumentError):
        value = read(text.encode("utf-8", "surrogatepass")).value
        assert exactly(value) == exactly(yaml.load(text, SdkLoader))  # noqa: S506 - a safe one


@settings(max_examples=examples(400), deadline=None)
@given(JSON)
def test_whatever_is_written_pyyaml_reads_back(value):
    assert exactly(yaml.safe_load(write(value))) == exactly(value)


@settings(max_examples=examples(400), deadline=None)
@given(JSON)
def test_whatever_is_written_a_yaml_1_2_reader_reads_back(value):
    assert exactly(yaml_1_2(write(value))) == exactly(value)


@settings(max_examples=examples(400), deadline=None)
@given(
    st.binary(max_size=300) | st.text(alphabet="{}[]:,&*!|>'\"#-? \nab1.e%@`", max_size=120).map(str.encode)
)
def test_arbitrary_bytes_end_in_a_document_error_or_not_at_all(data):
    with suppress(errors.DocumentError):
        load(data)


IDS = st.from_regex(r"[a-zA-Z0-9._+-]{1,80}", fullmatch=True)


@settings(max_examples=examples(500))
@given(IDS)
def test_names_are_dns_labels(entity_id):
    made = object_name(entity_id)
    assert len(made) <= MAX_NAME
    assert made.isascii()
    assert made.strip("-") == made
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@given(IDS)
def test_ids_that_differ_only_by_case_or_dropped_characters_get_different_names(entity_id):
    variants = {
        entity_id,
        entity_id.lower(),
        entity_id.upper(),
        entity_id.replace(".", "_"),
        f"{entity_id}.",
        f"-{entity_id}",
    }
    assert len({object_name(v) for v in variants}) == len(variants)


@given(IDS)
def test_an_id_that_is_the_name_of_another_one_gets_a_name_of_its_own(entity_id):
    name = object_name(entity_id)
    assert name == entity_id or object_name(name) != name


def test_a_good_id_stays_as_it_is():
    assert object_name("963b10d7b2dc477f8027357441adc477") == "963b10d7b2dc477f8027357441adc477"


def test_all_kinds_of_the_platform_are_understood():
    for runtime, actions in RUNTIMES.items():
        for action in actions:
            assert (
                of_run(f"{runtime}+{action}:run", f"{runtime}+{action}://p/t").label == f"{runtime}+{action}"
            )
            assert of_run(f"{runtime}+run", f"{runtime}+{action}://p/t").action == action


def test_references():
    whole = "container://demo/hello:cad9"
    assert str(Reference.parse(whole)) == whole
    assert Reference.parse("container://demo/hello").id is None
    with pytest.raises(errors.InvalidReferenceError):
        Reference.parse("container:/demo")


def test_a_run_written_by_hand_is_known_by_its_name():
    for text in (b"name: a\n", b"metadata: {name: a}\n"):
        entity = load(b"kind: container+job:run\nspec: {image: x}\n" + text)
        assert (entity.id, entity.project, entity.document["id"]) == ("a", "", "a")
