//! A scenario with puppets: steps at a time, on a condition and after a delay; expectations; workloads.
