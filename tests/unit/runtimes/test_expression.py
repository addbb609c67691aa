"""Templates and their expressions: what they give, what is refused and where, and how much they may cost."""

from __future__ import annotations

import contextlib
import resource
import time
from typing import Any

import pytest

from cluster.paths import REPOSITORY
from run_operator.runtimes.expression import (
    MAX_ENTRIES,
    MAX_LOOP_TEXT,
    MAX_SECONDS,
    MAX_TEXT,
    VARIABLES,
    Compiler,
    ExpressionError,
    bounded,
)
from run_operator.runtimes.expression_bounds import MAX_LENGTH
from run_operator.runtimes.template import MAX_EXPRESSIONS, Template, TemplateError

VALUES = {
    "run": {"name": "r", "spec": {"path": "s3://b/m", "args": ["--x"], "count": 2, "off": False}},
    "func": {}, "project": {"name": "demo"}, "settings": {"image": "i"}, "object": {},
}  # fmt: skip


@pytest.fixture(scope="module")
def compiler() -> Compiler:
    return Compiler()


def rendered(content: Any, compiler: Compiler) -> Any:
    made = Template(content, "spec", compiler)
    assert made.mistakes == []
    return made.render(VALUES)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("plain", "plain"),
        ("${run.spec.path}", "s3://b/m"),
        ("${run.spec.count}", 2),
        ("a-${run.spec.count}-${project.name}", "a-2-demo"),
        ("${'}' + '{'}", "}{"),
        ('${ {"a": run.spec.count} }', {"a": 2}),
        ("$${run.spec.path}", "${run.spec.path}"),
        ("x${run.spec.args}", 'x["--x"]'),
        ({"a": "${has(run.spec.nothing) ? run.spec.nothing : null}", "b": 1}, {"b": 1}),
        (["first", "${run.spec.args}", "${null}", "${run.spec.off}"], ["first", "--x", False]),
        ("${run.spec.path.replace('s3://', '').lowerAscii()}", "b/m"),
        ("${run.spec.args.map(a, a + '!')}", ["--x!"]),
        ([{"name": "A", "value": "${string(run.spec.count)}"}, 7, None, True], None),
    ],
    ids=str,
)
def test_what_a_template_becomes(content, wanted, compiler):
    if wanted is None:
        wanted = [{"name": "A", "value": "2"}, 7, True]
    assert rendered(content, compiler) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${run.spec.}", "Syntax error"),
        ("${runs.spec}", "undeclared reference to 'runs"),
        ("${1 + 'a'}", "found no matching overload"),
        ("${run.spec.path", "but does not end with }"),
        ("${os.system('x')}", "calls system"),
        (f"${{'{'x' * MAX_LENGTH}'}}", f"at most {MAX_LENGTH}"),
        ("${run.spec.args.map(a, run.spec.args.map(b, a))}", "more than one of all, exists"),
    ],
    ids=lambda text: text[:40],
)
def test_a_mistake_is_reported_with_its_place_before_any_run(text, said, compiler):
    made = Template({"args": ["fine", text]}, "spec.document.spec", compiler)
    (mistake,) = made.mistakes
    assert str(mistake).startswith("spec.document.spec.args[1]: ")
    assert said in str(mistake)


def test_the_column_is_that_within_the_expression(compiler):
    (mistake,) = Template("${run.x + nobody}", "spec", compiler).mistakes
    assert "(line 1, column 9)" in str(mistake)


def test_a_missing_field_of_a_value_is_reported_when_it_is_rendered(compiler):
    with pytest.raises(TemplateError, match=r"spec\.a: .*Key not found in map : \"nope\""):
        Template({"a": "${run.spec.nope}"}, "spec", compiler).render(VALUES)


def test_what_no_document_can_hold_is_refused(compiler):
    with pytest.raises(TemplateError, match="which a document cannot have"):
        Template("${timestamp('2026-01-01T00:00:00Z')}", "spec", compiler).render(VALUES)


def test_a_template_has_bounded_expressions_and_depth(compiler):
    assert "at most" in str(Template(["${1}"] * (MAX_EXPRESSIONS + 1), "spec", compiler).mistakes[0])
    deep: Any = "${1}"
    for _ in range(30):
        deep = [deep]
    assert "levels deep" in str(Template(deep, "spec", compiler).mistakes[0])


@pytest.mark.parametrize(
    "content", ["${1}" * 200_000, ["${1}"] * 200_000, ["${nobody}"] * 200_000, "$${" * 300_000]
)
def test_a_template_of_a_megabyte_compiles_no_more_expressions_than_are_allowed(content, compiler):
    began = time.thread_time()
    assert Template(content, "spec", compiler).mistakes or "$${" in content
    assert time.thread_time() - began < 1.0


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_can_be_used_and_is_in_the_docs(name, compiler):
    compiler.compile(f"{name}.name == 'x'")
    assert f"`{name}`" in (REPOSITORY / "docs" / "runtimes.md").read_text()


@pytest.mark.parametrize(
    "source",
    [
        "run.t.replace('a', run.t)",
        "run.t.replace('a', 'aa').replace('a', 'aa')",
        r"run.t.replace('\u0061', 'bbbbbb')",
        "run.t. replace ( run.t , 'b')",
        "run.l.join(run.t)",
        f"run.l.join('{'x' * 20}')",
        "'%.999999999f'.format([1.0])",
        "run.l.map(x, " + "+".join(["run.t"] * 10) + ")",
        "run.t.split('').map(x, run.t)",
        r"r'\' + run.t.replace('a', run.t) + '\''",
        "run.t // ' \n .replace('a', run.t) + ''",
        '"""\'""" + run.t.replace(\'a\', run.t) + \'"\'',
        "run.`a'b`.replace('a', run.t)",
        "run.t.unknown()",
        "run.l.map(x, run.l.join(''))",
        "(run.l + run.l + run.l).map(x, (run.l + run.l).join('')).join('')",
        f"run.l.map(x, [{', '.join(['x'] * 40)}])",
        "run.t.matches('(a{1,100}){1,10}b')",
        "run.t.matches(run.t)",
        "run.t.matches('(a?){1000}b')",
        "run.t.matches('[a-z]{,500}')",
        " || ".join(f"run.t.matches('{i}')" for i in range(4)),
        "run.l.all(x, x.matches('a'))",
        f"run.l.all(x, {' && '.join(['run == run'] * 5)})",
        f"run.l.all(x, {' && '.join(['x in run.l'] * 5)})",
    ],
)
def test_an_expression_whose_value_could_grow_without_bound_is_not_compiled(source, compiler):
    with pytest.raises(ExpressionError):
        compiler.compile(source)


@pytest.mark.parametrize(
    "source",
    [
        "run.path.replace('huggingface://', '').replace('hf://', '')",
        "run.l.map(k, k + '=' + run.path).join(' ')",
        "run.path in ['replace(a', \"join(\"] || !(run.path == 'b')",
        "'it\\'s' + run.path.trim()",
        "run.path.matches('^[a-z]{3,}$')",
        "run.path.matches('^[0-9a-f]{64}$') ? run.l.filter(x, x != run.path && x.startsWith('a')) : []",
    ],
)
def test_what_authors_write_is_compiled(source, compiler):
    compiler.compile(source)


def test_a_value_is_read_no_further_than_a_document_needs(compiler):
    long = compiler.compile("run.l.map(x, run.l + run.l)")
    values = compiler.activation({**VALUES, "run": {"l": ["y" * 1000] * 60}})
    with pytest.raises(ExpressionError, match="gives more than"):
        long.evaluate(values)
    short = compiler.activation({**VALUES, "run": {"l": ["y"] * 60}})
    assert len(compiler.compile("run.l").evaluate(short)) == 60
    assert compiler.compile("{'a': [1, {'b': null}]}").evaluate(short) == {"a": [1, {"b": None}]}


@pytest.mark.parametrize(
    "value", ["x" * (MAX_TEXT + 1), [1] * (MAX_ENTRIES + 1), {str(i): i for i in range(MAX_ENTRIES + 1)}]
)
def test_an_expression_gets_no_large_value(value):
    with pytest.raises(ExpressionError, match=r"spec\.big"):
        bounded({"big": value}, "spec")


def test_the_library_itself_gives_up_a_long_loop(compiler):
    """The bounds above are far below; this one holds for what they may have missed."""
    program = compiler._environment.compile("run.l.all(a, run.l.all(b, run.l.all(c, true)))")
    with pytest.raises(RuntimeError, match="budget"):
        program.eval(data={**VALUES, "run": {"l": [1] * 60}})


@pytest.mark.parametrize(
    "source",
    [
        f"({' + '.join(['run.l'] * 8)}).map(x, [{', '.join(['x'] * 15)}])",
        f"run.l.map(x, {' + '.join(['x'] * 8)}).join('----------------')",
    ],
    ids=["lists", "texts"],
)
def test_the_largest_that_is_possible_takes_little_memory(source, compiler):
    values = compiler.activation({**VALUES, "run": {"l": ["a" * MAX_LOOP_TEXT] * MAX_ENTRIES}})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ExpressionError, match="gives more than"):
        compiler.compile(source).evaluate(values)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024, "KiB"


def test_a_long_text_cannot_be_used_in_a_loop(compiler):
    values = compiler.activation({**VALUES, "run": {"t": "a" * (MAX_LOOP_TEXT + 1), "l": ["a"]}})
    with pytest.raises(ExpressionError, match="more than 1024 characters in a loop"):
        compiler.compile("run.l.map(x, run.t)").evaluate(values)
    assert compiler.compile("run.t").evaluate(values)


LARGEST = {
    "t": "a" * MAX_TEXT,
    "s": "a" * (MAX_LOOP_TEXT - 1) + "b",
    "l": ["a" * MAX_LOOP_TEXT] * MAX_ENTRIES,
    "m": {f"k{i}": ["a" * MAX_LOOP_TEXT] * 30 for i in range(10)},
}


@pytest.mark.parametrize(
    "source",
    [
        " || ".join(["run.t.matches('(a?a?a?a?a?a?a?a?a?){40}b')"] * 3),
        " || ".join(f"run.t.matches('{'a?' * 48}{i}')" for i in range(3)),
        f"({' + '.join(['run.l'] * 9)}).exists(x, {' || '.join(['run.m == run.m && false'] * 4)})",
        f"({' + '.join(['run.l'] * 9)}).exists(x, {' || '.join(['run.m in [run.l]'] * 4)})",
        f"({' + '.join(['run.l'] * 9)}).exists(x, {' || '.join(['x.contains(run.s)'] * 40)})",
        f"({' + '.join(['run.l'] * 9)}).exists(x, {' || '.join(['x.lastIndexOf(run.s) > 7'] * 30)})",
    ],
)
def test_one_expression_takes_no_second_of_everybodys_time(source, compiler):
    """It is not interrupted: the bound of all expressions is looked at between them."""
    given = compiler.activation({**VALUES, "run": LARGEST})
    began = time.thread_time()
    with contextlib.suppress(ExpressionError):
        compiler.compile(source).evaluate(given)
    assert time.thread_time() - began < 0.5


def test_a_loop_gets_no_more_values_than_it_can_compare(compiler):
    values = compiler.activation({**VALUES, "run": {"l": [["x"] * 30] * 20}})
    with pytest.raises(ExpressionError, match="more than 500 values"):
        compiler.compile("run.l.map(x, x)").evaluate(values)
    assert compiler.compile("run.l").evaluate(values)


def test_all_expressions_of_a_rendering_share_the_cpu(compiler):
    given = compiler.activation(VALUES)
    for _ in range(40):
        given.spend(MAX_SECONDS / 50)
    with pytest.raises(ExpressionError, match="of CPU"):
        given.spend(MAX_SECONDS / 4)
