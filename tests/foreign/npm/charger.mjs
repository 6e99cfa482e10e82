// A charger made of npm's `ocpp-rpc` in strict mode: node charger.mjs URL ID PASSWORD CARD PROTOCOL
// It charges once for the card, then obeys remote starts and stops, and ends with a Reset. Each message and each answer,
// in both directions, is checked against the schemas that the package brings. Tells JSON lines on stdout.

import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { RPCClient, createRPCError, createValidator } from "ocpp-rpc";

const [url, id, password, card, protocol] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));
const now = () => new Date().toISOString();

// The package brings the schemas of 2.1, but under other names than it looks for: urn:ResetRequest for urn:Reset.req.
const schemas21 = createRequire(import.meta.url)("ocpp-rpc/lib/schemas/ocpp2_1.json");
const renamed = (name) => name.replace(/Request$/, ".req").replace(/Response$/, ".conf");
const validator21 = createValidator("ocpp2.1", schemas21.map((schema) => ({ ...schema, $id: renamed(schema.$id) })));

const client = new RPCClient({
  endpoint: url,
  identity: id,
  password,
  protocols: [protocol],
  strictMode: true,
  strictModeValidators: [validator21],
  reconnect: false,
});
let registerWh = 5000;
let violations = 0;

// What each version says, in the same words for both.
function in16() {
  let transactionId = null;
  const reading = () => [{ timestamp: now(), sampledValue: [{ value: String(registerWh), unit: "Wh" }] }];
  return {
    boot: () => client.call("BootNotification", { chargePointVendor: "npm", chargePointModel: "ocpp-rpc" }),
    status: (status) =>
      client.call("StatusNotification", { connectorId: 1, errorCode: "NoError", status, timestamp: now() }),
    authorize: async () => (await client.call("Authorize", { idTag: card })).idTagInfo.status,
    begin: async (remote) => {
      const idTag = remote?.idTag ?? card;
      const begun = { connectorId: 1, idTag, meterStart: registerWh, timestamp: now() };
      const answer = await client.call("StartTransaction", begun);
      transactionId = answer.transactionId;
      return answer.idTagInfo.status;
    },
    tell: () => client.call("MeterValues", { connectorId: 1, transactionId, meterValue: reading() }),
    finish: async (reason) => {
      await client.call("StopTransaction", { transactionId, meterStop: registerWh, timestamp: now(), reason });
      transactionId = null;
    },
    isRunning: (asked) => asked.transactionId === transactionId,
    start: "RemoteStartTransaction",
    stop: "RemoteStopTransaction",
  };
}

function in2x() {
  let transactionId = null;
  let seqNo = 0;
  const meterValue = () => {
    const sampled = { value: registerWh, measurand: "Energy.Active.Import.Register", unitOfMeasure: { unit: "Wh" } };
    return [{ timestamp: now(), sampledValue: [sampled] }];
  };
  const event = (eventType, triggerReason, transactionInfo, more = {}) =>
    client.call("TransactionEvent", {
      eventType,
      timestamp: now(),
      triggerReason,
      seqNo: seqNo++,
      transactionInfo: { transactionId, ...transactionInfo },
      evse: { id: 1, connectorId: 1 },
      meterValue: meterValue(),
      ...more,
    });
  const station = { vendorName: "npm", model: "ocpp-rpc" };
  return {
    boot: () => client.call("BootNotification", { reason: "PowerUp", chargingStation: station }),
    status: (status) => {
      const connectorStatus = status === "Available" ? status : "Occupied";
      return client.call("StatusNotification", { timestamp: now(), connectorStatus, evseId: 1, connectorId: 1 });
    },
    authorize: async () =>
      (await client.call("Authorize", { idToken: { idToken: card, type: "ISO14443" } })).idTokenInfo.status,
    begin: async (remote) => {
      [transactionId, seqNo] = [randomUUID(), 0];
      const info = { chargingState: "Charging", ...(remote && { remoteStartId: remote.remoteStartId }) };
      const idToken = remote?.idToken ?? { idToken: card, type: "ISO14443" };
      return (await event("Started", remote ? "RemoteStart" : "Authorized", info, { idToken })).idTokenInfo.status;
    },
    tell: () => event("Updated", "MeterValuePeriodic", { chargingState: "Charging" }),
    finish: async (stoppedReason) => {
      const trigger = stoppedReason === "Remote" ? "RemoteStop" : "StopAuthorized";
      await event("Ended", trigger, { chargingState: "EVConnected", stoppedReason });
      transactionId = null;
    },
    isRunning: (asked) => asked.transactionId === transactionId,
    start: "RequestStartTransaction",
    stop: "RequestStopTransaction",
  };
}

const charger = protocol === "ocpp1.6" ? in16() : in2x();

async function begin(remote) {
  say({ started: await charger.begin(remote) });
  await charger.status("Charging");
}

async function draw(energyWh) {
  registerWh += energyWh;
  await charger.tell();
}

async function finish(reason) {
  await charger.finish(reason);
  await charger.status("Available");
  say({ stopped: reason });
}

// What the central system may ask: the answer goes first, then it is done.
const afterwards = (work) => setTimeout(() => work().catch((error) => say({ failed: String(error) })), 10);
client.handle(charger.start, ({ params }) => {
  afterwards(() => begin(params).then(() => draw(700)));
  return { status: "Accepted" };
});
client.handle(charger.stop, ({ params }) => {
  const status = charger.isRunning(params) ? "Accepted" : "Rejected";
  if (status === "Accepted") afterwards(() => finish("Remote"));
  return { status };
});
client.handle("Reset", () => {
  afterwards(() => client.close());
  return { status: "Accepted" };
});
client.handle(({ method }) => {
  say({ asked: method });
  throw createRPCError("NotImplemented");
});

client.on("strictValidationFailure", ({ error, method, isCall }) => {
  violations += 1;
  say({ violated: String(error), method, isCall });
});
client.on("badMessage", ({ error }) => {
  violations += 1;
  say({ bad: String(error) });
});
client.on("close", ({ code }) => say({ closed: code, violations }));

await client.connect();
say({ protocol: client.protocol });
say({ boot: (await charger.boot()).status });
await charger.status("Available");
say({ authorized: await charger.authorize() });
await begin();
await draw(1234);
await finish("Local");
await client.call("Heartbeat", {});
