//! The open-loop client: pacing, matching, ledger, histograms.
