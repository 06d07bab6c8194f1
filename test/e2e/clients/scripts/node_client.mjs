// Dials a server: argv is host, address, port. The CA comes from
// NODE_EXTRA_CA_CERTS.
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';

const [host, address, port] = process.argv.slice(2);
const agent = new https.Agent();
// As the agent itself would, but to the given address.
agent.createConnection = () => tls.connect({
  socket: net.connect({ host: address, port: Number(port) }),
  host,
  servername: net.isIP(host) ? '' : host,
});
const request = https.request({ host, port, path: '/', timeout: 30000, agent }, (response) => {
  console.log(`accepted: HTTP ${response.statusCode}`);
  request.destroy();
});
request.on('timeout', () => request.destroy(new Error('timed out')));
request.on('error', (error) => {
  // Codes of OpenSSL's verification have no common form: what is left after
  // the system's own (ECONNREFUSED, …) and TLS alerts is about the certificate.
  const system = typeof error.errno === 'number' || /^(ERR_SSL_|ECONN)/.test(error.code ?? '') || !error.code;
  console.log(`${system ? 'failed' : 'refused'}: ${error.code}: ${error.message}`);
  process.exitCode = 1;
});
request.end();
