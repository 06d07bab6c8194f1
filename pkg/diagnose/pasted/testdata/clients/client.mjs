// Asks for the URL given as the argument and prints what Node says, by the
// module https or, for what that does not do, by fetch.
import http from 'node:http';
import https from 'node:https';

const [url, seconds, way] = process.argv.slice(2);
if (way === 'fetch') {
  const answer = await fetch(url);
  console.log(await answer.json());
} else {
  const request = (url.startsWith('https') ? https : http).get(url, { timeout: seconds * 1000 }, (answer) => {
    console.log(`HTTP ${answer.statusCode}`);
    answer.pipe(process.stdout);
  });
  request.on('timeout', () => request.destroy(new Error('timed out by the caller')));
}
