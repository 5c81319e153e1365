// A certified OpenID provider (the npm package `oidc-provider`) with the security profile of HelseID: pushed requests,
// PKCE, private_key_jwt, DPoP. Who logs in next, and what is said of them, a test sets by POST /next.
//
// node serve.js SETTINGS, with `client` (registered metadata) and `listen` (an address) as JSON; it writes the issuer, which is
// at 127.0.0.1 for the bridge, once it listens. With `smart` it is
// the authorization server of a record system: requests come by the browser, with a launch, and tokens with its context.

import http from "node:http";
import Provider from "oidc-provider";

const settings = JSON.parse(process.argv[2]);
let next = { sub: "nobody", acr: undefined, claims: {}, refuse: false };
const accounts = new Map();

const server = http.createServer();
await new Promise((resolve) => server.listen(0, settings.listen, resolve));
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
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: !settings.smart },
    dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => true },
  },
  scopes: ["openid", ...(settings.smart ? ["launch", "fhirUser", "user/Appointment.r", "user/Encounter.r"] : [])],
  extraParams: settings.smart ? ["launch", "aud"] : [],
  pkce: { required: () => true },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, ...accounts.get(sub) }) }),
  renderError: (ctx, out) => {
    ctx.type = "json";
    ctx.body = out;
  },
});

// What the launch was for stands beside the tokens (SMART App Launch 2.2, section 2.1.5).
provider.use(async (ctx, following) => {
  await following();
  if (settings.smart && ctx.oidc?.route === "token" && ctx.status === 200) ctx.body = { ...ctx.body, ...next.context };
});

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function interact(request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (next.refuse || (settings.smart && (params.launch !== next.launch || params.aud !== next.aud))) {
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
