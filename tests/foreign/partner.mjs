// A roaming partner of OCPI 2.2.1 on Node's own fetch and http server: node partner.mjs VERSIONS_URL TOKEN_A
// It registers as eMSP DE*NOD and CPO DE*NOC, sends a location of its own, reads the hub's page by page, answers
// real-time authorizations and takes CDRs. Tells JSON lines on stdout; ends when its standard input does.

import { createServer } from "node:http";

const [versionsUrl, tokenA] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));
const now = () => new Date().toISOString();
const base64 = (text) => Buffer.from(text, "utf8").toString("base64");

const ourToken = crypto.randomUUID();
const emsp = { country_code: "DE", party_id: "NOD" };
const cpo = { country_code: "DE", party_id: "NOC" };
const cdrs = new Map();

// --- what the hub calls

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = chunks.length ? JSON.parse(Buffer.concat(chunks)) : null;
  const headers = { "Content-Type": "application/json" };
  for (const name of ["x-request-id", "x-correlation-id"]) {
    if (request.headers[name]) headers[name] = request.headers[name];
  }
  if (request.headers.authorization !== `Token ${base64(ourToken)}`) {
    response.writeHead(401, headers).end();
    return;
  }
  const { status, data, location } = answer(request.method, new URL(request.url, us()), body);
  if (location) headers.Location = location;
  const code = status < 300 ? 1000 : 2003;
  response.writeHead(status, headers).end(JSON.stringify({ data, status_code: code, timestamp: now() }));
});
const us = () => `http://localhost:${server.address().port}`;

function answer(method, { pathname }, body) {
  const [, first, second, third, fourth] = pathname.split("/");
  if (pathname === "/versions") return { status: 200, data: [{ version: "2.2.1", url: `${us()}/2.2.1` }] };
  if (pathname === "/2.2.1") return { status: 200, data: { version: "2.2.1", endpoints: endpoints() } };
  if (first === "tokens" && third === "authorize") {
    say({ asked: second });
    const info = { allowed: "ALLOWED", token: driver(second), authorization_reference: "NODE-1" };
    return { status: 200, data: info };
  }
  if (first === "cdrs" && method === "POST") {
    cdrs.set(body.id, body);
    say({ cdr: body });
    return { status: 200, location: `${us()}/cdrs/${body.id}` };
  }
  if (first === "cdrs" && cdrs.has(second)) return { status: 200, data: cdrs.get(second) };
  if (["locations", "tariffs", "sessions"].includes(first) && method !== "GET") {
    say({ pushed: [method, first, second, third, fourth] });
    return { status: 200 };
  }
  return { status: 404 };
}

function endpoints() {
  const made = { credentials: "SENDER", locations: "RECEIVER", tariffs: "RECEIVER", sessions: "RECEIVER" };
  const all = { ...made, cdrs: "RECEIVER", tokens: "SENDER" };
  return Object.entries(all).map(([identifier, role]) => ({ identifier, role, url: `${us()}/${identifier}` }));
}

function driver(uid) {
  const card = { uid, type: "RFID", contract_id: "DE-NOD-C00000001", issuer: "Node" };
  return { ...emsp, ...card, valid: true, whitelist: "NEVER", last_updated: now() };
}

// --- what calls the hub

async function ask(url, token, method = "GET", body = undefined) {
  const headers = {
    Authorization: `Token ${base64(token)}`,
    "X-Request-ID": crypto.randomUUID(),
    "X-Correlation-ID": crypto.randomUUID(),
  };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(url, { method, headers, body: JSON.stringify(body) });
  const envelope = await response.json();
  if (!response.ok || envelope.status_code !== 1000) {
    throw new Error(`${method} ${url}: ${response.status} ${JSON.stringify(envelope)}`);
  }
  return { data: envelope.data, headers: response.headers };
}

async function register() {
  const { data: versions } = await ask(versionsUrl, tokenA);
  const { url } = versions.find(({ version }) => version === "2.2.1");
  const { data: details } = await ask(url, tokenA);
  const of = (identifier, role) =>
    details.endpoints.find((each) => each.identifier === identifier && (!role || each.role === role)).url;
  const roles = [
    { role: "EMSP", ...emsp, business_details: { name: "Node" } },
    { role: "CPO", ...cpo, business_details: { name: "Node" } },
  ];
  const credentials = { token: ourToken, url: `${us()}/versions`, roles };
  const { data: theirs } = await ask(of("credentials"), tokenA, "POST", credentials);
  say({ registered: theirs.roles.map(({ role, country_code, party_id }) => `${role} ${country_code}*${party_id}`) });
  return { token: theirs.token, of };
}

async function readAll(first, token) {
  const pages = [];
  for (let next = first; next; ) {
    const { data, headers } = await ask(next, token);
    pages.push(data);
    if (Number(headers.get("x-total-count")) < data.length) throw new Error("the total is too small");
    next = headers.get("link")?.match(/<([^>]+)>;\s*rel="next"/)?.[1];
  }
  return pages;
}

function ourLocation() {
  const connector = { id: "1", standard: "IEC_62196_T2", format: "SOCKET", power_type: "AC_3_PHASE" };
  const connectors = [{ ...connector, max_voltage: 400, max_amperage: 32, last_updated: now() }];
  const evses = [{ uid: "N1", evse_id: "DE*NOC*E1", status: "AVAILABLE", connectors, last_updated: now() }];
  const place = { publish: true, address: "Node Street 1", city: "Berlin", country: "DEU", time_zone: "Europe/Berlin" };
  const coordinates = { latitude: "52.52000", longitude: "13.40495" };
  return { ...cpo, id: "NODE-1", ...place, coordinates, evses, last_updated: now() };
}

server.listen(0, "127.0.0.1", async () => {
  const { token, of } = await register();
  await ask(`${of("locations", "RECEIVER")}/DE/NOC/NODE-1`, token, "PUT", ourLocation());
  const pages = await readAll(`${of("locations", "SENDER")}?limit=2`, token);
  say({ pages: pages.map((page) => page.map(({ id }) => id)) });
});
process.stdin.on("end", () => process.exit()).resume();
