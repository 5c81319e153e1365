// A certified OpenID provider (the npm package `oidc-provider`) with the security profile of HelseID: pushed requests,
// PKCE, private_key_jwt, DPoP. Who logs in next, and what is said of them, a test sets by POST /next.
//
// node serve.js SETTINGS, with `client` (registered metadata) as JSON; it writes the issuer once it listens.

import http from "node:http";
import Provider from "oidc-provider";

const settings = JSON.parse(process.argv[2]);
let next = { sub: "nobody", acr: undefined, claims: {}, refuse: false };
const accounts = new Map();

const server = http.createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [settings.client],
  acrValues: ["idporten-loa-substantial", "idporten-loa-high", "Level3", "Level4"],
  claims: {
    openid: ["sub", "pid", "acr", ...settings.claims],
  },
  // What HelseID and ID-porten do: all that is known stands in the ID token.
  conformIdTokenClaims: false,
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "PS256", "ES256"] },
  features: {
    devInteractions: { enabled: false },
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true },
    dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => true },
  },
  pkce: { required: () => true },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, ...accounts.get(sub) }) }),
  renderError: (ctx, out) => {
    ctx.type = "json";
    ctx.body = out;
  },
});

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function interact(request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (next.refuse) {
    await provider.interactionFinished(request, response, { error: "access_denied" });
    return;
  }
  if (prompt.name === "login") {
    accounts.set(next.sub, next.claims);
    await provider.interactionFinished(request, response, { login: { accountId: next.sub, acr: next.acr } });
    return;
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const grantId = await grant.save();
  await provider.interactionFinished(request, response, { consent: { grantId } }, { mergeWithLastSubmission: true });
}

const handle = provider.callback();
server.on("request", async (request, response) => {
  if (request.method === "POST" && request.url === "/next") {
    next = JSON.parse(await body(request));
    response.end();
  } else if (request.url.startsWith("/interaction/")) {
    await interact(request, response).catch((error) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  } else {
    handle(request, response);
  }
});
console.log(issuer);
