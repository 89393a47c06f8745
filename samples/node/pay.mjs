// Pays a top-up and does not stop before it knows what became of it (docs/integration.md).
//
// Prints one JSON object; exit code 0 when applied or suspended, 3 when refused or in conflict, 2 for a wrong
// call, 4 when in doubt. Needs `npm install` in this folder; the protos are those of the repository, or of the
// folder in LEDGER_PROTO.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const DEADLINE_MS = 5_000;
const PAUSE_MS = 500;
const PAUSE_MS_MAX = 30_000;
const EXIT = { applied: 0, suspended: 0, refused: 3, conflict: 3, 'wrong call': 2, 'in doubt': 4 };
const WRONG_CALL = new Set([
  grpc.status.INVALID_ARGUMENT,
  grpc.status.UNAUTHENTICATED,
  grpc.status.PERMISSION_DENIED,
  grpc.status.UNIMPLEMENTED,
]);

function connect(address) {
  const here = path.dirname(fileURLToPath(import.meta.url));
  const root = process.env.LEDGER_PROTO ?? path.join(here, '../../proto');
  const loaded = protoLoader.loadSync('ledger/v1/payments.proto', {
    includeDirs: [root],
    keepCase: true,
    enums: String,
    longs: String,
    oneofs: true,
  });
  const { PaymentService } = grpc.loadPackageDefinition(loaded).ledger.v1;
  return new PaymentService(address, grpc.credentials.createInsecure());
}

function topUp(client, metadata, payment) {
  return new Promise((resolve) => {
    const deadline = Date.now() + DEADLINE_MS;
    client.TopUp(payment, metadata, { deadline }, (error, answer) => {
      resolve(error ? stateOf(error) : answered(answer));
    });
  });
}

function answered(answer) {
  const state = answer.result === 'receipt' ? 'applied' : 'suspended';
  return { state, duplicate: answer.duplicate, ...answer[answer.result] };
}

function stateOf(error) {
  const said = { status: grpc.status[error.code], message: error.details };
  if (error.code === grpc.status.FAILED_PRECONDITION) return { state: 'refused', ...said };
  if (error.code === grpc.status.ALREADY_EXISTS) return { state: 'conflict', ...said };
  if (WRONG_CALL.has(error.code)) return { state: 'wrong call', ...said };
  return { state: 'in doubt', ...said };
}

async function pay(client, metadata, payment, tries) {
  let pause = PAUSE_MS;
  let inDoubtBefore = false;
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await topUp(client, metadata, payment);
    if (outcome.state !== 'in doubt' || attempt === tries) {
      return { ...outcome, tries: attempt, in_doubt_before: inDoubtBefore };
    }
    inDoubtBefore = true;
    await sleep(pause);
    pause = Math.min(pause * 2, PAUSE_MS_MAX);
  }
}

const [address, key, meter, amount, reference, taken] = process.argv.slice(2);
if (!reference) {
  console.error('usage: node pay.mjs ADDRESS API_KEY METER AMOUNT REFERENCE [--taken]');
  process.exit(2);
}
const metadata = new grpc.Metadata();
metadata.set('authorization', `Bearer ${key}`);
// A real till writes this down durably before the first call.
const payment = {
  reference,
  meter,
  amount,
  money: taken === '--taken' ? 'MONEY_STATE_TAKEN' : 'MONEY_STATE_NOT_TAKEN',
};
const client = connect(address);
const outcome = await pay(client, metadata, payment, Number(process.env.TRIES ?? 10));
console.log(JSON.stringify(outcome));
client.close();
process.exitCode = EXIT[outcome.state];
