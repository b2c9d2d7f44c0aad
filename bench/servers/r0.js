// Reference R0: the least that Node can do for a delivery. Answers without having looked at the body.
import { createServer } from 'node:http';

const server = createServer((_request, response) => response.end());
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => console.log(server.address().port));
