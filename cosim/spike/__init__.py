"""The RTL under harts of Spike, with hypervisors on them: build, runs, results."""
