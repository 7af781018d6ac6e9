"""Where a run of any algorithm stands."""

import dataclasses

from la_mbda.budget import confirmation
from la_mbda.config import Config


@dataclasses.dataclass
class RunProgress:
    """What every run's checkpoints hold besides variables; each kind of run adds its own."""

    env_steps: int = 0
    iteration_start: int = 0
    """Env steps at which the iteration that is under way began."""
    evaluations: int = 0
    evaluation: dict = dataclasses.field(default_factory=dict)
    """The last evaluation."""
    confirmed: list[dict] = dataclasses.field(default_factory=list)
    """The final episodes so far, as lines of `confirmed.jsonl`."""
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    """Wall time of each stage."""
    sizes: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def moment(self) -> int:
        """What orders checkpoints: env steps, and then the final episodes."""
        return self.env_steps + len(self.confirmed)

    def confirmation(self) -> dict:
        """Return what the score says of the final episodes; nothing where there were none."""
        if not self.confirmed:
            return {}
        values = [[line[name] for line in self.confirmed] for name in ("return", "cost_return")]
        return {"confirmed": confirmation(*values)}

    def work(self, config: Config) -> dict[str, float]:
        """Return units of each stage done so far, as `durations.work_until` counts them."""
        training = config.training
        evaluated = self.evaluations * training.evaluation_episodes
        return {
            "acting": self.env_steps,
            "evaluating": evaluated * training.episode_steps,
            "confirming": len(self.confirmed) * training.episode_steps,
        }
