/**
 * A setting of JavaScriptCore that the entry program hands to Bun in its environment, because there is no
 * other way. As it is by default, a function is compiled to machine code once it has run some hundred times.
 * hutch has ended soon after that: what is compiled is seldom used, and the threads of the compiler take the
 * second processor from the kernel. With ten times as many turns first, a `create` whose program is not kept
 * needs a quarter less of processor time, and one whose program is kept a fifth; with a hundred times, at
 * which a start from a kept program begins no thread of the compiler, a tenth less again. What runs for long
 * loses nothing: packing 48 MB takes as long.
 */
export const TUNING_NAME = "BUN_JSC_thresholdForJITAfterWarmUp";
export const TUNING = `${TUNING_NAME}=50000`;
