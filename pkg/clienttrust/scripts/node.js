// Asks for the URL given as the argument, and prints what Node says.
const https = require('node:https');
const request = https.request(process.argv[1], { method: 'HEAD', timeout: 30000 }, (response) => {
  console.log(`accepted: HTTP ${response.statusCode}`);
  request.destroy();
});
request.on('timeout', () => request.destroy(new Error('timed out')));
request.on('error', (error) => {
  // Codes of OpenSSL's verification have no common form: what is left after
  // the system's own (ECONNREFUSED, …) and TLS alerts is about the certificate.
  const system = typeof error.errno === 'number' || /^(ERR_SSL_|ECONN|HPE_)/.test(error.code ?? '') || !error.code;
  console.log(`${system ? 'failed' : 'refused'}: ${error.message}`);
});
request.end();
