/** Modules without a test file of their own, and where what they do is tested instead. */
export const UNTESTED: Readonly<Record<string, string>> = {};
