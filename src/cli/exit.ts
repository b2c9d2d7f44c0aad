/** Exit codes. 78 is sysexits' EX_CONFIG: the unit file tells systemd not to start again on it. */
export const EXIT = { done: 0, failed: 1, usage: 2, config: 78 } as const;
