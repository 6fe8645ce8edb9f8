/**
 * The development server: the dashboard over made-up data, or over a real server.
 *
 *   npm run dev                           made-up projects, the source served live
 *   npm run dev -- --server URL           the API of a running `holdfast serve`
 *   npm run dev -- --dist                 what `npm run build` made, with the server's security policy
 *   npm run dev -- --empty | --key KEY | --slow MS | --port N
 */
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { fakeApi } from "./api.mjs";

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "5173" }, server: { type: "string" }, dist: { type: "boolean" },
    empty: { type: "boolean" }, key: { type: "string" }, slow: { type: "string", default: "0" },
  },
});
const root = fileURLToPath(new URL("..", import.meta.url));
const api = options.server ? forward(new URL(options.server)) : fakeApi(options);
const pages = options.dist ? serveDist(join(root, "dist")) : await serveSource();

const server = createServer((request, response) => {
  if (request.url.startsWith("/api/") || request.url.startsWith("/login?token=")) {
    setTimeout(() => api(request, response), Number(options.slow));
  } else pages(request, response);
});
server.listen(Number(options.port), "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}/\n`);
});

function forward(target) {
  return (request, response) => {
    const { method, headers } = request;
    // The host stays as the browser sent it: the server compares it with the page's origin.
    const onward = httpRequest(new URL(request.url, target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", (error) => response.writeHead(502).end(String(error)));
    request.pipe(onward);
  };
}

async function serveSource() {
  const { createServer: createVite } = await import("vite");
  const vite = await createVite({ root, server: { middlewareMode: true, hmr: { port: 0 } } });
  return vite.middlewares;
}

function serveDist(folder) {
  const types = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html; charset=utf-8" };
  return (request, response) => {
    let file = join(folder, new URL(request.url, "http://dist").pathname);
    if (!file.startsWith(folder) || !existsSync(file) || statSync(file).isDirectory()) file = join(folder, "index.html");
    response.setHeader("Content-Type", types[extname(file)] ?? "application/octet-stream");
    response.setHeader("Content-Security-Policy", "default-src 'self'");
    createReadStream(file).pipe(response);
  };
}
