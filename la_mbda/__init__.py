"""LAMBDA: constrained policy optimisation via Bayesian world models (As et al., ICLR 2022)."""
