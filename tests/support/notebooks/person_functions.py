# A person's own function.
import pickle
import time

from digitalhub_runtime_python import handler


@handler(outputs=["model", "size"])
def train(project, run, di, epochs):
    size = len(di.as_df())
    for epoch in range(epochs):
        print("epoch", epoch, flush=True)
        run.log_metric("loss", 1 / (epoch + 1))
        time.sleep(0.2)
    with open("model.pkl", "wb") as file:
        pickle.dump({"size": size}, file)
    return project.log_model(name="classifier", kind="sklearn", source="model.pkl"), size
