//! Workloads as fixed schedules of requests.
