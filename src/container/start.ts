/** hutch start: the container's program begins. */
import { close, open, write } from "../host/fd.ts";
import { unlink } from "../host/path.ts";
import { O_NONBLOCK, O_WRONLY } from "../linux/fcntl.ts";
import { type Container, requireStatus } from "./state.ts";
import { startFifo } from "./store.ts";

/** Lets init go on. Init holds the FIFO open, so nobody waits here; without init the open fails with ENXIO. */
export function start(container: Container): void {
  requireStatus(container, "start", "created");
  const path = startFifo(container.root, container.id);
  const fifo = open(path, O_WRONLY | O_NONBLOCK);
  try {
    write(fifo, new Uint8Array([1]), path);
  } finally {
    close(fifo);
  }
  // Gone, it says that the container was started.
  unlink(path);
}
