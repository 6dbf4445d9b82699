package rendezvous

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// SecretVariable is the variable of the environment that holds a run's secret.
const SecretVariable = "MOCOTPU_SECRET"

// SecretAdvice says how processes come to the same secret.
const SecretAdvice = "set " + SecretVariable + " to the same words on all hosts, or let them share the home folder"

// maxSecret bounds the file of a secret.
const maxSecret = 4096

// Secret is that of [SecretVariable], else that of the file mocotpu/secret in the user's folder of configuration, which is
// made when it is first asked for and which only its owner can read: the processes of one user find the same where they
// share the home folder.
func Secret() (string, error) {
	if s := os.Getenv(SecretVariable); s != "" {
		return s, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("rendezvous: secret: %w; %s", err, SecretAdvice)
	}
	path := filepath.Join(dir, "mocotpu", "secret")
	text, err := readSecret(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeSecret(path); err == nil || errors.Is(err, fs.ErrExist) {
			text, err = readSecret(path)
		}
	}
	if err != nil {
		return "", fmt.Errorf("rendezvous: secret: %w; or %s", err, SecretAdvice)
	}
	return text, nil
}

func readSecret(path string) (string, error) {
	text, err := regular.ReadFile(path, maxSecret)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("%s can be read by others (mode %o): remove it, and a new one is made", path, mode)
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" {
		return "", fmt.Errorf("%s is empty: remove it, and a new one is made", path)
	}
	return secret, nil
}

// makeSecret writes a new secret whole, unless another process was faster.
func makeSecret(path string) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // mode 600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	_, err = fmt.Fprintln(file, rand.Text())
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Link(file.Name(), path)
}
