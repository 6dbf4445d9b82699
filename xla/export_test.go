package xla

// Owned returns how many buffers and executables the engine has to free.
func Owned(e *Engine) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.owned)
}

// Keep sets how many programs the engine keeps readable.
func Keep(e *Engine, n int) { e.kept = n }

// AskLikeGPU has the engine ask for programs that suit GPUs, or not.
func AskLikeGPU(e *Engine, on bool) { e.ofGPUs = on }

// Admit asks whether the compiler may see a program with these serialized compile options.
func Admit(e *Engine, options []byte) error {
	e.compile.Lock()
	defer e.compile.Unlock()
	e.begin("test")
	_, _, err := e.admit("mlir", "module {}", options)
	return err
}

// Stragglers returns how many devices still run a program that has failed.
func Stragglers(e *Engine) int { return e.stragglers() }
