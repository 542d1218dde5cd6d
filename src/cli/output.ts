/** What is written for people and callers; by FFI, because process.stdout costs 8 ms. */
import { write } from "../host/fd.ts";

const encoder = new TextEncoder();

/** To standard output. */
export const print = (text: string): void => write(1, encoder.encode(text), "standard output");

/** To standard error, with the program's name. */
export const warn = (line: string): void => write(2, encoder.encode(`hutch: ${line}\n`), "standard error");
