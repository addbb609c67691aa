"""The real trainers save their checkpoint at a stop, with a metric logged before they set their handlers.

They need torch, which is larger than all else that CI installs: POD_PYTHON names a Python that has it. Without one the
patterns of these trainers are tested in test_signals.py.
"""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.pod.programs import PYTHON, Program
from tests.pod.standin import Server

LIGHTNING = """
    import warnings, logging
    warnings.simplefilter("ignore")
    import torch, lightning
    from lightning.pytorch.callbacks import OnExceptionCheckpoint
    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    log_metric("lr", 0.1)

    class Model(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def training_step(self, batch, number):
            if number == 3:
                print("ready", flush=True)
            time.sleep(0.05)
            loss = self.layer(batch[0]).sum()
            log_metric("loss", float(loss))
            return loss

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 1e-6)

    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(2000, 2)), batch_size=2)
    saves = OnExceptionCheckpoint(".", "stopped")
    trainer = lightning.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, default_root_dir=".",
        enable_model_summary=False, callbacks=[saves], max_epochs=50,
    )
    try:
        trainer.fit(Model(), data)
    finally:
        print("checkpoint saved" if os.path.exists("stopped.ckpt") else "nothing saved", flush=True)
"""
TRANSFORMERS = """
    import warnings
    warnings.simplefilter("ignore")
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments
    torch.set_num_threads(1)
    log_metric("lr", 0.1)

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def forward(self, x, labels=None):
            time.sleep(0.05)
            return {"loss": ((self.layer(x) - labels) ** 2).mean()}

    class SavesAtAStop(TrainerCallback):
        def on_train_begin(self, *_, **more):
            self.asked = []
            earlier = signal.getsignal(signal.SIGTERM)
            def mine(number, frame):
                self.asked.append(number)
                if callable(earlier):
                    earlier(number, frame)
            signal.signal(signal.SIGTERM, mine)

        def on_step_end(self, arguments, state, control, **more):
            if state.global_step == 3:
                print("ready", flush=True)
            log_metric("step", state.global_step)
            if self.asked:
                control.should_save = control.should_training_stop = True
            return control

    data = [{"x": torch.ones(2), "labels": torch.ones(1)}] * 2000
    arguments = TrainingArguments("out", num_train_epochs=50, report_to=[], use_cpu=True, disable_tqdm=True,
                                  logging_strategy="no", save_strategy="no", per_device_train_batch_size=2)
    Trainer(Model(), arguments, train_dataset=data, callbacks=[SavesAtAStop()]).train()
    saved = any(name.startswith("checkpoint-") for name in os.listdir("out"))
    print("checkpoint saved" if saved else "nothing saved", flush=True)
"""


def has(*modules: str) -> bool:
    """Whether the Python of the programs has these."""
    command = [PYTHON, "-c", f"import {', '.join(modules)}"]
    return not subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    ("module", "code"),
    [("lightning", LIGHTNING), ("transformers", TRANSFORMERS)],
    ids=["lightning", "transformers"],
)
def test_a_trainer_saves_its_checkpoint_at_a_stop(program: Program, server: Server, module: str, code: str):
    if not has("torch", module):
        pytest.skip(f"{PYTHON} has no torch and {module}")
    process = program.start(code)
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=120)
    assert out.splitlines()[-1] == "checkpoint saved", errors
    assert server.ingest.metrics()["lr"] in (0.1, [0.1])
