/** Exit codes, as every command's help ends with them. */
export const EXIT_CODES =
  "Exit code: the command's own; 128+N when signal N killed it; 124 after --timeout; 125 when hutch failed; " +
  "126 when the command cannot be executed; 127 when it is not found.";
