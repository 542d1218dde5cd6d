/**
 * A setting of JavaScriptCore that the entry program hands to Bun in its environment, because there is no
 * other way. As it is by default, a function is compiled to machine code once it has run some hundred times.
 * hutch has ended soon after that: what is compiled is seldom used, and the compiler's threads take the second
 * processor from the kernel. With ten times as many turns first, an `exec` whose program is not kept needs a
 * third less of processor time, and one whose program is kept a tenth. What runs for long loses nothing.
 */
export const TUNING_NAME = "BUN_JSC_thresholdForJITAfterWarmUp";
export const TUNING = `${TUNING_NAME}=5000`;
