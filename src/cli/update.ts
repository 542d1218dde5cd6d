export const command = { name: "update", summary: "", usage: "", options: [], stopsAtWord: false, examples: [] };
export function run(): void {}
