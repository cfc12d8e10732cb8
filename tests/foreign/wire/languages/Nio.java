import java.io.*;
import java.net.*;
import java.nio.*;
import java.nio.channels.*;
import java.util.*;

/** A selector's server in one JVM (usage: Nio serve) and clients, with selectors and with streams, in another (Nio PORT). */
public class Nio {
    static void fill(byte[] bytes, long key) { new Random(key).nextBytes(bytes); }

    static void serve() throws IOException {
        Selector selector = Selector.open();
        ServerSocketChannel server = ServerSocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0));
        server.configureBlocking(false);
        server.register(selector, SelectionKey.OP_ACCEPT);
        System.out.println("port " + ((InetSocketAddress) server.getLocalAddress()).getPort());
        while (true) {
            selector.select();
            for (Iterator<SelectionKey> it = selector.selectedKeys().iterator(); it.hasNext(); ) {
                SelectionKey key = it.next();
                it.remove();
                if (key.isAcceptable()) {
                    SocketChannel one = server.accept();
                    one.configureBlocking(false);
                    one.register(selector, SelectionKey.OP_READ, ByteBuffer.allocateDirect(100000));
                    continue;
                }
                SocketChannel channel = (SocketChannel) key.channel();
                ByteBuffer buffer = (ByteBuffer) key.attachment();
                if (key.isReadable() && channel.read(buffer) < 0) { channel.close(); continue; }
                buffer.flip();
                channel.write(buffer);
                buffer.compact();
                int wanted = (buffer.hasRemaining() ? SelectionKey.OP_READ : 0) | (buffer.position() > 0 ? SelectionKey.OP_WRITE : 0);
                key.interestOps(wanted);
            }
        }
    }

    static long byStreams(int port, long seed) throws Exception {
        long total = 0;
        try (Socket socket = new Socket("127.0.0.1", port)) {
            socket.setSoTimeout(60000);
            socket.setTcpNoDelay(true);
            InputStream in = socket.getInputStream();
            OutputStream out = socket.getOutputStream();
            for (int i = 0; i < 300; i++) {
                byte[] bytes = new byte[1 + i * 131 % 60000], back = new byte[bytes.length];
                fill(bytes, seed * 1000 + i);
                out.write(bytes);
                for (int at = 0; at < back.length; ) {
                    int r = in.read(back, at, back.length - at);
                    if (r < 0) throw new EOFException();
                    at += r;
                }
                if (!Arrays.equals(bytes, back)) throw new IOException("wrong bytes");
                total += bytes.length;
            }
            socket.setSoTimeout(30);
            try { in.read(); throw new IOException("something came"); } catch (SocketTimeoutException expected) { }
        }
        return total;
    }

    static long bySelector(int port) throws Exception {
        Selector selector = Selector.open();
        int count = 10, done = 0;
        long total = 0;
        byte[] bytes = new byte[2_000_000];
        fill(bytes, 5);
        for (int i = 0; i < count; i++) {
            SocketChannel one = SocketChannel.open();
            one.configureBlocking(false);
            one.connect(new InetSocketAddress("127.0.0.1", port));
            one.register(selector, SelectionKey.OP_CONNECT, new ByteBuffer[] {ByteBuffer.wrap(bytes), ByteBuffer.allocate(bytes.length)});
        }
        while (done < count) {
            if (selector.select(60000) == 0) throw new IOException("nothing was selected");
            for (SelectionKey key : selector.selectedKeys()) {
                SocketChannel one = (SocketChannel) key.channel();
                ByteBuffer[] both = (ByteBuffer[]) key.attachment();
                if (key.isConnectable()) { one.finishConnect(); key.interestOps(SelectionKey.OP_READ | SelectionKey.OP_WRITE); continue; }
                if (key.isWritable()) { one.write(both[0]); if (!both[0].hasRemaining()) key.interestOps(SelectionKey.OP_READ); }
                if (key.isReadable()) {
                    one.read(both[1]);
                    if (!both[1].hasRemaining()) {
                        if (!Arrays.equals(both[1].array(), bytes)) throw new IOException("wrong bytes");
                        total += bytes.length;
                        done++;
                        one.close();
                    }
                }
            }
            selector.selectedKeys().clear();
        }
        return total;
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("serve")) { serve(); return; }
        int port = Integer.parseInt(args[0]);
        long[] totals = new long[4];
        Thread[] threads = new Thread[4];
        for (int i = 0; i < 4; i++) {
            int n = i;
            threads[i] = new Thread(() -> { try { totals[n] = byStreams(port, n); } catch (Exception e) { e.printStackTrace(); System.exit(1); } });
            threads[i].start();
        }
        for (Thread one : threads) one.join();
        System.out.println("right, " + (Arrays.stream(totals).sum() + bySelector(port)) + " bytes");
    }
}
