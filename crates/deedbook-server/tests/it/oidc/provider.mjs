// A provider of OpenID Connect on loopback, for the tests: node provider.mjs NODE_MODULES REDIRECT_URI.
// It prints its address on the first line, and ends when its input does. Whoever gives a name is that person, without a
// password; the groups are what follows the name after a plus: ada+staff+security.
import http from 'node:http';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, redirectUri] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(path.join(modules, 'oidc-provider/lib/index.js')).href);

const server = http.createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const client = { redirect_uris: [redirectUri], response_types: ['code'], grant_types: ['authorization_code'] };
const provider = new Provider(issuer, {
  clients: [
    { ...client, client_id: 'deedbook', client_secret: 'a secret + of & the client' },
    { ...client, client_id: 'posting', client_secret: 'posted', token_endpoint_auth_method: 'client_secret_post' },
    { ...client, client_id: 'public', token_endpoint_auth_method: 'none' },
  ],
  // What the browser would be asked: here a form of one field, then nothing more.
  features: { devInteractions: { enabled: true } },
  scopes: ['openid', 'profile', 'email', 'groups'],
  claims: { openid: ['sub'], profile: ['name'], email: ['email'], groups: ['groups'] },
  // Groups are told where they are asked for, not in the ID token: as many providers do.
  conformIdTokenClaims: true,
  pkce: { required: () => true },
  ttl: { AccessToken: 60, AuthorizationCode: 60, IdToken: 60, Interaction: 600, Grant: 600, Session: 600 },
  findAccount: (_, id) => {
    const [name, ...groups] = id.split('+');
    return { accountId: id, claims: () => ({ sub: id, name, email: `${name}@example.com`, groups }) };
  },
});
server.on('request', provider.callback());
console.log(issuer);
process.stdin.resume().on('end', () => process.exit(0));
