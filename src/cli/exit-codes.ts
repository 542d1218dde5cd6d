/** Exit codes, as the help of commands that run something ends with them. */
export const EXIT_CODES =
  "Exit code: the command's own; 128+N when signal N killed it; 125 when hutch failed; " +
  "126 when the command cannot be executed; 127 when it is not found.";

/** The same of commands that have --timeout. */
export const EXIT_CODES_WITH_TIMEOUT =
  "Exit code: the command's own; 128+N when signal N killed it; 124 after --timeout; 125 when hutch failed; " +
  "126 when the command cannot be executed; 127 when it is not found.";
