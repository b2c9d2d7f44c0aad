import {
  definePlugin,
  type FileInfo,
  loginOption,
  type Message,
  once,
  PermanentError,
  type PluginPodio,
  secretOption,
  sizeOption,
  templated,
  type View,
  z,
} from 'podiod/plugin';
import { concatMap } from 'rxjs';
import { type Attachment, type Mail, messageIdOf, send } from './send.ts';
import { parseServer } from './server.ts';

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, char => ESCAPES[char] ?? char);

/** What a template has of its own in it is a value too: `{{ fields.lead.mail | default: "Bot <bot@example.com>" }}`. */
const PLACEHOLDERS = /\{\{.*?\}\}|\{%.*?%\}/gs;

/**
 * What is put into a text like `{{ item.title }} <bot@example.com>` is a part of the name there, or of the one address: it adds
 * no address, and ends neither. Where no name is written, values are addresses, and may be several.
 */
const escapeName = (text: string, _path: unknown, template: string): string =>
  template.replace(PLACEHOLDERS, '').includes('<')
    ? text
        .replaceAll('"', "'")
        .replace(/[\s<>,;:()\\]+/g, ' ')
        .trim()
    : text;

const addresses = () => templated(z.union([z.string(), z.array(z.string())]), { escape: escapeName });
const fileLike = z.union([z.int().positive(), z.looseObject({ file_id: z.int().positive() })]);

const options = z
  .strictObject({
    smtp: secretOption(
      z
        .string()
        .refine(
          text => parseServer(text) !== undefined,
          'must be like smtp://user:password@mail.example.com:587, or smtps://',
        ),
    ).describe('The mail server. A secret: take it from the environment or a file.'),
    from: templated(z.string().trim().min(1), { escape: escapeName }).describe(
      'Who writes: an address, with or without a name.',
    ),
    to: addresses().optional().describe('One address or several, as a list or with commas between.'),
    cc: addresses().optional().describe('As `to`, for those who are told of it.'),
    bcc: addresses().optional().describe('As `to`, for those whom the others don’t see.'),
    replyTo: addresses().optional().describe('Where answers are to go. Default: `from`.'),
    subject: templated().describe('What it is about.'),
    text: templated().optional().describe('The mail as plain text.'),
    html: templated(z.string(), { escape: escapeHtml })
      .optional()
      .describe('The mail as HTML. Values are escaped; `{{ value | raw }}` leaves one as it is.'),
    attachments: templated(z.union([fileLike, z.array(fileLike), z.literal('')]).nullish())
      .optional()
      .describe('Files of Podio to send along: "{{ files }}" for those of the event, or ids.'),
    maxAttachments: sizeOption().prefault('20mb').describe('How large all attachments together may be.'),
    as: loginOption().optional().describe('The login that reads the files. Default: the app, by its token.'),
  })
  .superRefine(({ to, cc, bcc, replyTo, text, html }, check) => {
    for (const [key, one] of Object.entries({ to, cc, bcc, replyTo })) {
      const strange = listOf(one?.constant)
        .flatMap(text => text.split(','))
        .find(text => text.trim() !== '' && !text.includes('@'));
      // A name may have commas in it.
      if (strange !== undefined && !/["<]/.test(String(one?.constant)))
        check.addIssue({ code: 'custom', path: [key], message: 'must be a mail address, or several' });
    }
    if (!to && !cc && !bcc)
      check.addIssue({ code: 'custom', path: ['to'], message: 'needs somebody to send to' });
    if (!text && !html) check.addIssue({ code: 'custom', path: ['text'], message: 'needs `text` or `html`' });
  });
type Options = z.output<typeof options>;

const listOf = (given: string | readonly string[] | undefined): string[] =>
  [given ?? []]
    .flat()
    .map(one => one.replace(/\s+/g, ' ').trim())
    .filter(Boolean);

type Letter = Omit<Mail, 'attachments' | 'messageId'>;

async function letterOf(view: View, given: Options): Promise<Letter> {
  const list = async (name: 'to' | 'cc' | 'bcc' | 'replyTo') => listOf(await given[name]?.render(view));
  return {
    from: await given.from.render(view),
    to: await list('to'),
    cc: await list('cc'),
    bcc: await list('bcc'),
    replyTo: await list('replyTo'),
    subject: (await given.subject.render(view)).replace(/\s+/g, ' ').trim(),
    text: await given.text?.render(view),
    html: await given.html?.render(view),
  };
}

type Wanted = number | { readonly file_id: number; readonly [key: string]: unknown };

async function wantedFiles(view: View, { attachments }: Options): Promise<readonly Wanted[]> {
  const given = (await attachments?.render(view)) ?? '';
  return given === '' ? [] : [given].flat();
}

const namesOf = (files: readonly Wanted[]): readonly string[] =>
  files.map(one => (typeof one === 'number' ? `file ${one}` : String(one.name ?? `file ${one.file_id}`)));

/** A mail as data, without what it does not have. */
const shown = (letter: Letter, files: readonly Wanted[]): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries({ ...letter, attachments: namesOf(files) }).filter(([, held]) => held && held.length > 0),
  );

/** Reads the files, and none of them where they are too large together. */
async function download(podio: PluginPodio, wanted: readonly Wanted[], most: number): Promise<Attachment[]> {
  const infos = await Promise.all(
    wanted.map(
      async (one): Promise<FileInfo> =>
        typeof one !== 'number' && typeof one.name === 'string'
          ? { ...one, name: one.name }
          : podio.files.get(typeof one === 'number' ? one : one.file_id),
    ),
  );
  let left = most;
  const tooLarge = () =>
    new PermanentError(`the attachments are larger than the ${most} bytes that \`maxAttachments\` allows`, {
      hint: 'Send a link: {{ item.link }}.',
    });
  if (infos.reduce((sum, { size = 0 }) => sum + size, 0) > most) throw tooLarge();
  const attachments: Attachment[] = [];
  for (const { file_id: id, name, mimetype } of infos) {
    const content = await podio.files.download(id, left).catch((error: unknown) => {
      // The size that Podio told was not that of the file.
      if (error instanceof Error && /larger than \d+ bytes/.test(error.message)) throw tooLarge();
      throw error;
    });
    left -= content.byteLength;
    attachments.push({ filename: name.replace(/[\r\n/\\]+/g, '_'), contentType: mimetype, content });
  }
  return attachments;
}

/** Sends a mail over SMTP. */
export default definePlugin({
  name: 'email',
  options,
  effects: 'context',
  setup(given, { podio: calls, store, log, connect, mayCall, outside }) {
    const podio = given.as === undefined ? calls : calls.as(given.as);
    const server = parseServer(given.smtp);
    if (!server) throw new PermanentError('`smtp` is no URL of a mail server');
    mayCall(new URL(given.smtp));
    return {
      operator: messages$ =>
        messages$.pipe(
          concatMap(async message => {
            const { view, deliveryKey, signal } = message;
            const letter = await letterOf(view, given);
            if (letter.to.length + letter.cc.length + letter.bcc.length === 0) throw nobody();
            const wanted = await wantedFiles(view, given);
            const sent = await once(store, deliveryKey, {
              make() {
                const messageId = messageIdOf(deliveryKey, letter.from);
                const accepted = letter.to.length + letter.cc.length + letter.bcc.length;
                return outside('mail', shown(letter, wanted), {
                  async make() {
                    const attachments = await download(podio, wanted, given.maxAttachments);
                    return send(server, { ...letter, attachments, messageId }, { connect, signal });
                  },
                  instead: { messageId, accepted, rejected: [] as readonly string[] },
                });
              },
            });
            if (sent.rejected.length > 0)
              log.warn('some addresses were not taken', { addresses: sent.rejected.length });
            return message.with(sent);
          }),
        ),
    };
  },
  async describe({ view }: Message, given) {
    const { to, cc, bcc, subject, text, html } = await letterOf(view, given);
    const files = namesOf(await wantedFiles(view, given));
    return [
      `mails ${[...to, ...cc, ...bcc].join(', ') || '(nobody)'}: ${subject}`,
      text ?? html ?? '',
      ...(files.length > 0 ? [`with ${files.join(', ')}`] : []),
    ].join('\n');
  },
});

const nobody = (): PermanentError =>
  new PermanentError('there is nobody to send to: `to`, `cc` and `bcc` came to nothing');
