// A server of Node.js (node both.js serve) and clients of it (node both.js PORT).
const net = require('net'), http = require('http'), crypto = require('crypto');
const sum = data => crypto.createHash('sha256').update(data).digest('hex');

if (process.argv[2] === 'serve') {
    const server = http.createServer((request, response) => {
        const parts = [];
        request.on('data', part => parts.push(part)).on('end', () => {
            const data = Buffer.concat(parts);
            response.writeHead(200, {'x-sum': sum(data), 'content-length': data.length});
            response.end(data);
        });
    });
    server.keepAliveTimeout = 60000;
    server.listen(0, '127.0.0.1', () => {
        const echo = net.createServer({allowHalfOpen: true}, socket => socket.pipe(socket));
        echo.listen(0, '127.0.0.1', () => console.log(`ports ${server.address().port} ${echo.address().port}`));
    });
} else {
    const [web, echo] = process.argv.slice(2).map(Number);
    const agent = new http.Agent({keepAlive: true, maxSockets: 3});
    let total = 0;
    const post = data => new Promise((resolve, reject) => {
        const request = http.request({host: '127.0.0.1', port: web, method: 'POST', agent}, response => {
            const parts = [];
            response.on('data', part => parts.push(part)).on('end', () => {
                const back = Buffer.concat(parts);
                if (!back.equals(data) || response.headers['x-sum'] !== sum(data)) reject(new Error('wrong bytes'));
                total += data.length;
                resolve();
            });
        });
        request.on('error', reject);
        request.end(data);
    });
    const pipe = seed => new Promise((resolve, reject) => {
        const data = Buffer.alloc(6000000, crypto.createHash('sha512').update(String(seed)).digest());
        const parts = [];
        const socket = net.connect({host: '127.0.0.1', port: echo, allowHalfOpen: true}, () => socket.end(data));
        socket.on('data', part => parts.push(part)).on('error', reject).on('end', () => {
            if (!Buffer.concat(parts).equals(data)) reject(new Error('wrong bytes'));
            total += data.length;
            resolve();
        });
    });
    (async () => {
        for (let i = 0; i < 100; i++) await Promise.all([1, 50, 3000, i % 20 ? 100 : 900000].map(n => post(crypto.randomBytes(n + i))));
        await Promise.all([1, 2, 3, 4].map(pipe));
        console.log(`right, ${total} bytes`);
        process.exit(0);
    })().catch(error => { console.error(error); process.exit(1); });
}
