"""Runs the steps of a recipe on language models; a profile says on which."""

from tinyagents.profiles import PROFILES, Choice, Profile, Resolver
from tinyagents.runner import Result, Runner, Step, Team

__all__ = ["PROFILES", "Choice", "Profile", "Resolver", "Result", "Runner", "Step", "Team"]
