/** Sockets that a service manager holds open and hands down (sd_listen_fds(3)): they outlive the process. */

/** File descriptors. */
export interface InheritedSockets {
  /** Where deliveries come in. */
  readonly ingress?: number;
  /** Where the admin API answers: the socket whose unit says `FileDescriptorName=admin`. */
  readonly admin?: number;
  /** How many more were handed down, which nobody listens on. */
  readonly unused: number;
}

/** The first one that is handed down; stdin, stdout and stderr are before it. */
const FIRST_FD = 3;

/** Undefined where none is meant for this process: a child inherits the variables of its parent. */
export function inheritedSockets(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): InheritedSockets | undefined {
  const count = Number(env.LISTEN_FDS);
  if (Number(env.LISTEN_PID) !== pid || !Number.isInteger(count) || count < 1) return undefined;
  const names = (env.LISTEN_FDNAMES ?? '').split(':');
  const fds = Array.from({ length: count }, (_, at) => ({ fd: FIRST_FD + at, name: names[at] }));
  const admin = fds.find(({ name }) => name === 'admin');
  const ingress = fds.find(one => one !== admin);
  return {
    ...(ingress && { ingress: ingress.fd }),
    ...(admin && { admin: admin.fd }),
    unused: count - (ingress ? 1 : 0) - (admin ? 1 : 0),
  };
}
