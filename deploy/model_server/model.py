"""Two regressions on cars.csv: how many miles a car goes on a gallon. Trained at start, in numpy.

v1 is a line through weight and horsepower; v2 uses every column, their squares and products, with a
little ridge. Both are judged on the same quarter of the rows, which neither has seen.
"""

import csv
import pathlib

import numpy as np

FEATURES = ["cylinders", "displacement", "horsepower", "weight_lbs", "acceleration", "year"]
TARGET = "miles_per_gallon"
DATA = pathlib.Path(__file__).with_name("cars.csv")


def linear_terms(x):
    """Bias, horsepower, weight."""
    return np.column_stack([np.ones(len(x)), x[:, 2], x[:, 3]])


def polynomial_terms(x):
    """Bias, every feature, every product of two."""
    products = [x[:, i] * x[:, j] for i in range(x.shape[1]) for j in range(i, x.shape[1])]
    return np.column_stack([np.ones(len(x)), x, *products])


RECIPES = {"v1": (linear_terms, 0.0), "v2": (polynomial_terms, 1.0)}


def read_rows(path=DATA):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    x = np.array([[float(row[name]) for name in FEATURES] for row in rows])
    y = np.array([float(row[TARGET]) for row in rows])
    return x, y


class Model:
    """A trained regression. `mae` is its mean absolute error on the rows kept aside."""

    def __init__(self, recipe):
        self.terms, ridge = RECIPES[recipe]
        x, y = read_rows()
        aside = np.random.default_rng(1983).permutation(len(x)) % 4 == 0
        self.mean, self.scale = x[~aside].mean(axis=0), x[~aside].std(axis=0)
        design = self._design(x[~aside])
        penalty = ridge * np.eye(design.shape[1])
        self.weights = np.linalg.solve(design.T @ design + penalty, design.T @ y[~aside])
        self.mae = float(np.abs(self.predict(x[aside]) - y[aside]).mean())

    def _design(self, x):
        return self.terms((x - self.mean) / self.scale)

    def predict(self, x):
        return self._design(x) @ self.weights
