// The life of a client, step by step; each step prints what the Go test compares.
const jsforce = require('jsforce');
const env = process.env;
const say = (name, value) => console.log(name + ' ' + JSON.stringify(value));

async function connect() {
  const byPassword = new jsforce.Connection({loginUrl: env.LOGIN_URL});
  await byPassword.login(env.USERNAME, env.PASSWORD); // SOAP login()
  say('login', byPassword.instanceUrl);
  const conn = new jsforce.Connection({
    version: '67.0',
    oauth2: {clientId: env.CONSUMER_KEY, clientSecret: env.CONSUMER_SECRET, loginUrl: env.INSTANCE_URL},
  });
  await conn.authorize({grant_type: 'client_credentials'});
  say('authorize', conn.instanceUrl);
  return conn;
}

async function read(conn) {
  say('identity', (await new jsforce.Connection({instanceUrl: conn.instanceUrl, accessToken: conn.accessToken, version: '67.0'}).identity()).organization_id);
  const all = (await conn.query('SELECT Id, Name FROM Contact', {autoFetch: true, maxFetch: 100000})).records;
  say('paged', all.length >= Number(env.PEOPLE));
  say('count', (await conn.query('SELECT count() FROM Contact')).totalSize === all.length);
  say('describe', (await conn.sobject('Contact').describe()).keyPrefix);
  say('global', (await conn.describeGlobal()).sobjects.some((o) => o.name === 'Contact'));
  say('limits', (await conn.limits()).DailyApiRequests.Max);
  const error = await conn.query('SELECT Nope FROM Contact').catch((e) => e);
  say('error', [error.errorCode, error.name]);
}

async function write(conn) {
  const contacts = conn.sobject('Contact');
  const made = await contacts.create({LastName: 'Byron', External_Id__c: 'JS-1'});
  await contacts.update({Id: made.id, FirstName: 'Ada'});
  const upserted = await contacts.upsert({External_Id__c: 'JS-1', LastName: 'Lovelace'}, 'External_Id__c');
  say('upsert', upserted.success && upserted.id === made.id);
  say('retrieve', (await contacts.retrieve(made.id)).Name);
  const many = await contacts.create([{LastName: 'A'}, {FirstName: 'Nobody'}], {allOrNone: false});
  say('collection', many.map((r) => r.success || r.errors[0].statusCode));
  say('updated', (await contacts.updated(new Date(Date.now() - 3600e3), new Date(Date.now() + 3600e3))).ids.includes(made.id));
  say('destroy', (await contacts.destroy([made.id, many[0].id])).map((r) => r.success));
  say('deleted', (await contacts.deleted(new Date(Date.now() - 3600e3), new Date(Date.now() + 3600e3))).deletedRecords.some((r) => r.id === made.id));
}

async function bulk(conn) {
  conn.bulk2.pollInterval = 50;
  const rows = await (await conn.bulk2.query('SELECT Id, LastName FROM Contact')).toArray();
  say('bulk query', rows.length >= Number(env.PEOPLE) && Object.keys(rows[0]).join());
  const input = [...Array(20).keys()].map((n) => ({LastName: 'Bulk ' + n, FirstName: 'Js'})).concat({LastName: '', FirstName: 'Nobody'});
  const done = await conn.bulk2.loadAndWaitForResults({object: 'Contact', operation: 'insert', input});
  say('bulk insert', [done.successfulResults.length, done.failedResults.length, done.unprocessedRecords.length]);
  const gone = await conn.bulk2.loadAndWaitForResults({object: 'Contact', operation: 'delete', input: done.successfulResults.map((r) => ({Id: r.sf__Id}))});
  say('bulk delete', gone.successfulResults.length);
}

(async () => {
  const conn = await connect();
  await read(conn);
  await write(conn);
  await bulk(conn);
})().catch((e) => { console.error(e); process.exit(1); });
