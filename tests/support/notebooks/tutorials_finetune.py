# From the file of the tutorial s8-whisper-fine-tuning of the platform (scc-digitalhub/digitalhub-tutorials, Apache-2.0): its functions and its
# callback, as they are but for texts of help. The training itself, which needs a GPU and gigabytes of packages, is `main` below.
import argparse
import json
import logging
import os

logger = logging.getLogger(__name__)


class LoggingCallback:
    def __init__(self, run):
        self.run = run

    def on_log(self, args, state, control, logs, model=None, **kwargs):
        metrics = {}
        for k, v in logs.items():
            if isinstance(v, (int, float)):
                metrics[k] = v
            if k in metrics:
                self.run.log_metric(k, metrics[k])


def main(callback=None, args=None):
    """In place of the training: what it leaves behind."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model_name_or_path")
    parser.add_argument("--output_dir")
    parser.add_argument("--cache_dir")
    parser.add_argument("--max_steps", type=int, default=0)
    known, _ = parser.parse_known_args(args)
    os.makedirs(os.path.join(known.output_dir, "checkpoint-1"), exist_ok=True)
    os.makedirs(os.environ["HF_HOME"], exist_ok=True)
    for name in ("config.json", "checkpoint-1/model.safetensors"):
        with open(os.path.join(known.output_dir, name), "w") as file:
            json.dump({"model": known.model_name_or_path}, file)
    for step in range(known.max_steps):
        callback.on_log(None, None, None, {"loss": 1 / (step + 1), "epoch": step})


def train_and_log_model(
    project,
    model_name: str,
    model_id: str,
    dataset_name: str,
    artifact_name: str = None,
    language_code: str = "it",
    language: str = "Italian",
    max_steps: int = 5000,
):
    output_dir = "/local/data/model"
    cache_dir = "/local/data/cache"

    if artifact_name is not None:
        project.get_artifact(artifact_name).download(cache_dir)

    hf_token = None
    try:
        hf_token = project.get_secret("HF_TOKEN").read_secret_value()
    except Exception:
        pass

    args = [
        f"--model_name_or_path={model_id}",
        f"--dataset_name={dataset_name}",
        f"--max_steps={max_steps}",
        f"--output_dir={output_dir}",
        f"--cache_dir={cache_dir}",
        f"--do_train",
    ]

    result = main(callback=LoggingCallback(project.get_run(os.environ["RUN_ID"])), args=args)

    model_params = {
        "max_steps": max_steps,
    }

    model = project.log_model(
        name=model_name,
        kind="huggingface",
        base_model=model_id,
        parameters=model_params,
        source=output_dir + "/",
    )
    run = project.get_run(os.environ["RUN_ID"])
    metrics = run.status.metrics
    for k in metrics:
        model.log_metric(k, metrics[k])
    print("token", hf_token is not None, os.environ.get("HF_TOKEN", "")[:4])


def preprocess_dataset(
    project,
    artifact_name: str,
    model_id: str,
    dataset_name: str,
    language_code: str = "it",
    language: str = "Italian",
    max_train_samples: int = None,
    max_eval_samples: int = None,
):
    output_dir = "/local/data/model"
    cache_dir = "/local/data/cache"

    hf_token = None
    try:
        hf_token = project.get_secret("HF_TOKEN").read_secret_value()
    except Exception:
        pass

    args = [
        f"--model_name_or_path={model_id}",
        f"--dataset_name={dataset_name}",
        f"--output_dir={output_dir}",
        f"--cache_dir={cache_dir}",
        f"--preprocessing_only",
        f"--do_train",
    ]

    main(args=args)

    artifact = project.log_artifact(
        name=artifact_name,
        kind="artifact",
        framework="whisper",
        source=output_dir + "/",
    )
