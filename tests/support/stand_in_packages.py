"""Small packages in place of large ones that tutorials of the platform import: what they need of them, and no more."""

from __future__ import annotations

from tests.support.wheel_index import wheel

DARTS = """
import pickle, sys, types
import pandas as pd
__path__ = []

class TimeSeries:
    def __init__(self, frame):
        self.frame = frame
    def __getitem__(self, part):
        return TimeSeries(self.frame[part])
    @classmethod
    def from_dataframe(cls, frame, time_col, value_cols):
        return cls(frame.set_index(time_col)[[value_cols]])
    def pd_dataframe(self):
        return self.frame

class AirPassengersDataset:
    def load(self):
        index = pd.date_range("1949-01-01", periods=144, freq="MS", name="date")
        return TimeSeries(pd.DataFrame({"value": range(144)}, index=index))

class NBEATSModel:
    def __init__(self, input_chunk_length, output_chunk_length, n_epochs=1, random_state=None):
        self.series = None
    def fit(self, series):
        self.series = series.frame
    def predict(self, n, series=None):
        frame = self.series if series is None else series.frame
        index = pd.date_range(frame.index[-1], periods=n, name="date")
        return TimeSeries(pd.DataFrame({"value": [float(frame["value"].mean())] * n}, index=index))
    def save(self, path):
        for name in (path, path + ".ckpt"):
            with open(name, "wb") as file:
                pickle.dump(self.series, file)
    def load(self, path):
        with open(path, "rb") as file:
            self.series = pickle.load(file)
        return self

def _error(test, predicted):
    return float((test.frame["value"] - predicted.frame["value"].mean()).abs().mean())

def _module(name, **parts):
    made = sys.modules[f"darts.{name}"] = types.ModuleType(f"darts.{name}")
    vars(made).update(parts)

_module("datasets", AirPassengersDataset=AirPassengersDataset)
_module("metrics", mae=_error, mape=_error, smape=_error)
_module("models", NBEATSModel=NBEATSModel)
"""
"""The forecast is the mean of the series."""

FRICTIONLESS = """
import csv, json

class Checklist:
    pass

class Report:
    def __init__(self, errors):
        self.errors, self.valid = errors, not errors
    def to_json(self):
        return json.dumps({"valid": self.valid, "errors": self.errors})

def validate(path):
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    return Report([f"row {n} has {len(row)} cells" for n, row in enumerate(rows, 1) if len(row) != len(rows[0])])
"""
"""A table is valid when all its rows have as many cells."""

TIKA = """
import http.server
class Tika(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        size = len(self.rfile.read(int(self.headers["Content-Length"])))
        body = f"<html>{size} bytes of {self.headers['Accept']}</html>".encode()
        self.send_response(200 if self.path == "/tika" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("", 9998), Tika).serve_forever()
"""
"""A program that answers as the service does: HTML for a file."""


def stand_ins() -> dict[str, bytes]:
    """Wheels, by file name."""
    return {
        f"{name}-1.0-py3-none-any.whl": wheel(name, "1.0", text)
        for name, text in (("darts", DARTS), ("frictionless", FRICTIONLESS))
    }
