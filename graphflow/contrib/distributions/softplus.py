"""Distributions whose parameters may be any numbers: softplus, or floor and abs, makes them what they must be."""

from __future__ import annotations

from typing import Any

from graphflow.contrib.distributions.real import Chi2, InverseGamma
from graphflow.distributions.continuous import Beta, Exponential, Gamma, Laplace, Normal, StudentT
from graphflow.distributions.multivariate import MultivariateNormalDiag
from graphflow.ops.activations import softplus
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.math import abs, floor


class NormalWithSoftplusScale(Normal):
    """Normal, with softplus(scale) for its scale."""

    def __init__(
        self, loc: Any, scale: Any, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "NormalWithSoftplusScale",
    ) -> None:  # fmt: skip
        super().__init__(loc, softplus(scale), validate_args, allow_nan_stats, name)


class LaplaceWithSoftplusScale(Laplace):
    """Laplace, with softplus(scale) for its scale."""

    def __init__(
        self, loc: Any, scale: Any, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "LaplaceWithSoftplusScale",
    ) -> None:  # fmt: skip
        super().__init__(loc, softplus(scale), validate_args, allow_nan_stats, name)


class ExponentialWithSoftplusRate(Exponential):
    """Exponential, with softplus(rate) for its rate."""

    def __init__(
        self, rate: Any, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "ExponentialWithSoftplusRate",
    ) -> None:  # fmt: skip
        super().__init__(softplus(rate), validate_args, allow_nan_stats, name)


class GammaWithSoftplusConcentrationRate(Gamma):
    """Gamma, with softplus of both parameters."""

    def __init__(
        self, concentration: Any, rate: Any, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "GammaWithSoftplusConcentrationRate",
    ) -> None:  # fmt: skip
        super().__init__(softplus(concentration), softplus(rate), validate_args, allow_nan_stats, name)


class InverseGammaWithSoftplusConcentrationRate(InverseGamma):
    """InverseGamma, with softplus of both parameters."""

    def __init__(
        self, concentration: Any, rate: Any, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "InverseGammaWithSoftplusConcentrationRate",
    ) -> None:  # fmt: skip
        super().__init__(softplus(concentration), softplus(rate), validate_args, allow_nan_stats, name)


class BetaWithSoftplusConcentration(Beta):
    """Beta, with softplus of both concentrations."""

    def __init__(
        self, concentration1: Any, concentration0: Any, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "BetaWithSoftplusConcentration",
    ) -> None:  # fmt: skip
        super().__init__(softplus(concentration1), softplus(concentration0), validate_args, allow_nan_stats, name)


class Chi2WithAbsDf(Chi2):
    """Chi2, with floor(|df|) for df."""

    def __init__(
        self, df: Any, validate_args: bool = False, allow_nan_stats: bool = True, name: str = "Chi2WithAbsDf"
    ) -> None:
        super().__init__(floor(abs(convert_to_tensor(df, name="df"))), validate_args, allow_nan_stats, name)


class StudentTWithAbsDfSoftplusScale(StudentT):
    """StudentT, with floor(|df|) and softplus(scale)."""

    def __init__(
        self, df: Any, loc: Any, scale: Any, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "StudentTWithAbsDfSoftplusScale",
    ) -> None:  # fmt: skip
        whole = floor(abs(convert_to_tensor(df, name="df")))
        super().__init__(whole, loc, softplus(scale), validate_args, allow_nan_stats, name)


class MultivariateNormalDiagWithSoftplusScale(MultivariateNormalDiag):
    """MultivariateNormalDiag, with softplus(scale_diag)."""

    def __init__(
        self, loc: Any, scale_diag: Any, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "MultivariateNormalDiagWithSoftplusScale",
    ) -> None:  # fmt: skip
        super().__init__(loc, softplus(scale_diag), None, validate_args, allow_nan_stats, name)
