// What a plugin does when it cannot go on: it says why, and aborts. Go would print the stacks of all goroutines and exit with
// 2, as if a flag were wrong.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "table.h"

static void aborted(int number) {
  static const char words[] = "mocotpu: the engine has ended this process, for the reason above; for want of memory or threads see ulimit -v and ulimit -u\n";
  (void)!write(STDERR_FILENO, words, sizeof words - 1);
  _exit(MT_ABORTED);
}

void mt_explain_aborts(void) {
  const char* stacks = getenv("GOTRACEBACK");
  if (!stacks || strcmp(stacks, "none")) return;
  struct sigaction action = {.sa_handler = aborted, .sa_flags = SA_ONSTACK};
  sigaction(SIGABRT, &action, NULL);
}
