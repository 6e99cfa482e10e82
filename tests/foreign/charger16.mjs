// A charger of OCPP 1.6 on Node's own WebSocket: node charger16.mjs URL ID PASSWORD CARD
// It charges once for the card, then obeys remote starts and stops, and ends with a Reset. Tells JSON lines on stdout.

const [url, id, password, card] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));
const now = () => new Date().toISOString();

const socket = new WebSocket(`${url}/${encodeURIComponent(id)}`, {
  protocols: ["ocpp1.6"],
  headers: { Authorization: "Basic " + Buffer.from(`${id}:${password}`).toString("base64") },
});
const waiting = new Map();
let registerWh = 5000;
let transactionId = null;

function call(action, payload) {
  const messageId = crypto.randomUUID();
  return new Promise((resolve, reject) => {
    waiting.set(messageId, { resolve, reject });
    socket.send(JSON.stringify([2, messageId, action, payload]));
  });
}

async function begin(idTag) {
  const begun = { connectorId: 1, idTag, meterStart: registerWh, timestamp: now() };
  const answer = await call("StartTransaction", begun);
  transactionId = answer.transactionId;
  say({ started: answer.idTagInfo.status });
}

async function draw(energyWh) {
  registerWh += energyWh;
  const sampledValue = [{ value: String(registerWh) }];
  await call("MeterValues", { connectorId: 1, transactionId, meterValue: [{ timestamp: now(), sampledValue }] });
}

async function finish(reason) {
  await call("StopTransaction", { transactionId, meterStop: registerWh, timestamp: now(), reason });
  transactionId = null;
  say({ stopped: reason, registerWh });
}

// What the central system may ask: the answer, and what is done after it has been given.
const orders = {
  RemoteStartTransaction: ({ idTag }) => ["Accepted", () => begin(idTag).then(() => draw(700))],
  RemoteStopTransaction: (asked) =>
    asked.transactionId === transactionId ? ["Accepted", () => finish("Remote")] : ["Rejected", () => {}],
  Reset: () => ["Accepted", () => socket.close(1000)],
};

socket.onmessage = async ({ data }) => {
  const [type, messageId, ...rest] = JSON.parse(data);
  if (type === 2) {
    const [action, payload] = rest;
    if (!(action in orders)) {
      socket.send(JSON.stringify([4, messageId, "NotImplemented", "", {}]));
      return;
    }
    const [status, afterwards] = orders[action](payload);
    socket.send(JSON.stringify([3, messageId, { status }]));
    await afterwards();
    return;
  }
  const asked = waiting.get(messageId);
  waiting.delete(messageId);
  type === 3 ? asked?.resolve(rest[0]) : asked?.reject(new Error(rest[0]));
};

socket.onopen = async () => {
  say({ protocol: socket.protocol });
  const boot = await call("BootNotification", { chargePointVendor: "Node", chargePointModel: process.version });
  say({ boot: boot.status });
  await call("StatusNotification", { connectorId: 1, errorCode: "NoError", status: "Available" });
  say({ authorized: (await call("Authorize", { idTag: card })).idTagInfo.status });
  await begin(card);
  await draw(1234);
  await finish("Local");
};
socket.onerror = ({ message }) => say({ error: message });
socket.onclose = ({ code }) => say({ closed: code });
