"""The decision about one Run: `plan.plan` takes the Run, its children and the time. No I/O."""
