// Reference R1: the least that a durable receiver can do. Reads the body, appends it to a file, and answers when it is
// flushed; all that arrived during one flush share the next one.
import { fdatasync, openSync, write } from 'node:fs';
import { createServer } from 'node:http';

const [, , file, port = '0'] = process.argv;
const journal = openSync(file, 'a');
/** What waits for a flush: bodies, and who is to be answered. */
let lines = [];
let answers = [];
let flushing = false;

function flush() {
  if (lines.length === 0) {
    flushing = false;
    return;
  }
  flushing = true;
  const text = lines.join('');
  const done = answers;
  lines = [];
  answers = [];
  write(journal, text, error => {
    if (error) throw error;
    fdatasync(journal, failure => {
      if (failure) throw failure;
      for (const response of done) response.end();
      flush();
    });
  });
}

const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('latin1');
  request.on('data', chunk => {
    body += chunk;
  });
  request.on('end', () => {
    lines.push(`${body}\n`);
    answers.push(response);
    // What else this turn of the loop brings shares the flush.
    if (!flushing) {
      flushing = true;
      setImmediate(flush);
    }
  });
});
server.listen(Number(port), '127.0.0.1', () => console.log(server.address().port));
