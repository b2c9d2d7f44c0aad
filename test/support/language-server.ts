import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(
  new URL('../../node_modules/yaml-language-server/bin/yaml-language-server', import.meta.url),
);

export interface EditorProblem {
  readonly message: string;
  /** From 1, as editors show it. */
  readonly line: number;
}

/** The YAML language server that editors run, spoken to over stdio as they do. */
export class LanguageServer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (result: unknown) => void>();
  readonly #published = new Map<string, (problems: readonly EditorProblem[]) => void>();
  #buffer = Buffer.alloc(0);
  #lastId = 0;

  constructor() {
    this.#child = spawn(process.execPath, [SERVER, '--stdio'], { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#child.stdout?.on('data', chunk => this.#receive(chunk));
  }

  async start(root: string): Promise<void> {
    await this.#ask('initialize', {
      processId: process.pid,
      rootUri: root,
      capabilities: {
        workspace: { configuration: true },
        textDocument: { completion: { completionItem: { snippetSupport: true } }, publishDiagnostics: {} },
      },
      workspaceFolders: [{ uri: root, name: 'podiod' }],
    });
    this.#send({ method: 'initialized', params: {} });
  }

  /** Opens a document and resolves with what the editor would underline in it. */
  open(uri: string, text: string): Promise<readonly EditorProblem[]> {
    const problems = new Promise<readonly EditorProblem[]>(resolve => this.#published.set(uri, resolve));
    this.#send({
      method: 'textDocument/didOpen',
      params: { textDocument: { uri, languageId: 'yaml', version: 1, text } },
    });
    return problems;
  }

  /** What the editor would offer there. Lines and columns count from 1. */
  async complete(uri: string, line: number, column: number): Promise<readonly string[]> {
    const position = { line: line - 1, character: column - 1 };
    const result = await this.#ask('textDocument/completion', { textDocument: { uri }, position });
    return (result as { items: { label: string }[] }).items.map(({ label }) => label);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise(resolve => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }

  #ask(method: string, params: unknown): Promise<unknown> {
    const id = ++this.#lastId;
    const answer = new Promise(resolve => this.#answers.set(id, resolve));
    this.#send({ id, method, params });
    return answer;
  }

  #send(message: object): void {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    this.#child.stdin?.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #receive(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const end = this.#buffer.indexOf('\r\n\r\n');
      const length = Number(
        /Content-Length: (\d+)/i.exec(this.#buffer.subarray(0, Math.max(end, 0)).toString())?.[1],
      );
      if (end < 0 || this.#buffer.length < end + 4 + length) return;
      const body = this.#buffer.subarray(end + 4, end + 4 + length).toString();
      this.#buffer = this.#buffer.subarray(end + 4 + length);
      this.#handle(JSON.parse(body) as Incoming);
    }
  }

  #handle({ id, method, params, result }: Incoming): void {
    if (method === 'textDocument/publishDiagnostics' && params?.uri !== undefined) {
      const problems = (params.diagnostics ?? []).map(({ message, range }) => ({
        message,
        line: range.start.line + 1,
      }));
      this.#published.get(params.uri)?.(problems);
    } else if (method === 'workspace/configuration' && id !== undefined) {
      // No network: the schema is a file, and the store of schemas is not asked.
      const yaml = { validate: true, completion: true, schemaStore: { enable: false } };
      this.#send({
        id,
        result: (params?.items ?? []).map(({ section }) => (section === 'yaml' ? yaml : {})),
      });
    } else if (method !== undefined && id !== undefined) this.#send({ id, result: null });
    else if (id !== undefined) this.#answers.get(id)?.(result);
  }
}

interface Incoming {
  readonly id?: number;
  readonly method?: string;
  readonly result?: unknown;
  readonly params?: {
    readonly uri?: string;
    readonly diagnostics?: readonly { message: string; range: { start: { line: number } } }[];
    readonly items?: readonly { section: string }[];
  };
}
