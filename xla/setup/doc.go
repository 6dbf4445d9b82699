// Package setup installs the PJRT plugins of the engines cpu, cuda and tpu, finds them again, and reports what a
// machine has.
//
// Find never downloads and is what programs call; Install is what `mocotpu setup` calls, Doctor what `mocotpu doctor`
// calls.
//
// # Where
//
// Everything lies under Root: $MOCOTPU_HOME, else $XDG_DATA_HOME/mocotpu, else ~/.local/share/mocotpu. An engine has
// one folder, plugins/<engine>, with a file installed.json that says what it holds; removing the folder uninstalls it.
//
// # How
//
// Versions are pinned, and so is the SHA-256 of every wheel; wheels come from the package index that pip is configured
// for. An installation is made in a temporary folder beside the final one and renamed: an interrupted one leaves only
// a folder that the next one removes. An installation that is up to date is left as it is; that needs no network.
//
//   - cpu: mocotpu's own plugin (package cpuplugin), built with g++ from the wheels tensorflow-cpu and onednn-cpu-gomp
//     (313 MB to download, 39 where python3 has that version of tensorflow-cpu, 910 MB installed). Otherwise go-xla's prebuilt plugin, from GitHub; it has no published
//     checksum, so that the file that came is recorded, checked for the entry point and loaded once.
//   - cuda: JAX's plugin and NVIDIA's libraries, laid out as in Python's site-packages, where the plugin's own search
//     path finds them and ptxas: no environment variable is needed. libcuda.so.1 comes with NVIDIA's driver.
//     To compile only (Options.CompileOnly) it takes the plugin, ptxas and libdevice: 247 MB, and no driver.
//   - tpu: libtpu.
//
// # Errors
//
// [ErrNotInstalled]: Find found nothing. Any other error says what Install lacks (Python, pip, the network, disk space, a
// compiler), or that a file is not the pinned one or no plugin, and what to do.
package setup
