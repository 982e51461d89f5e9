"""What asv measures at each commit (`bench asv run`): what the harness costs, and what every installed method does.

Stand-alone scripts are in `benchmarks/`, for asv imports every module here. The checkout's benchmarks measure all
commits, so that numbers of different commits compare: what an old commit lacks is imported in `setup`, and a benchmark
that fails there leaves a gap. Each has a `version`, to be raised when what it measures changes; without one, asv
forgets a benchmark's history whenever a line of it is edited.
"""
