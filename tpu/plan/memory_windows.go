package plan

// mostMemory is not known, which is 0: no compiler runs on Windows.
func mostMemory() int64 { return 0 }
