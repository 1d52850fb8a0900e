/* map_java.java: java.util.concurrent.ConcurrentSkipListMap<Long, Long> under the workloads of map_load.h, line by line the same. */
import java.lang.management.ManagementFactory;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CyclicBarrier;

final class MapJava {
    static final int SCAN = 100, FILL_THREADS = 2, BLOCK = 64, CHECK_MAX = 1_000_000;
    static final String NAME = "Java ConcurrentSkipListMap";
    static final ConcurrentSkipListMap<Long, Long> map = new ConcurrentSkipListMap<>();
    static long keys, range;
    static volatile boolean stopped; // read once in BLOCK operations

    interface Work {
        void run(Worker worker) throws Exception;
    }

    static final class Worker extends Thread {
        final int number, threads;
        final Work work;
        final CyclicBarrier barrier;
        long random, operations, found, balance, began, ended, processor;
        Throwable error;

        Worker(int number, int threads, Work work, CyclicBarrier barrier) {
            this.number = number;
            this.threads = threads;
            this.work = work;
            this.barrier = barrier;
            this.random = mix(number + 1);
        }

        long next() {
            return mix(random += 0x9e3779b97f4a7c15L);
        }

        @Override
        public void run() {
            try {
                barrier.await();
                began = System.nanoTime();
                long before = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
                work.run(this);
                processor = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - before;
                ended = System.nanoTime();
            } catch (Throwable thrown) {
                error = thrown;
            }
        }
    }

    static long mix(long value) {
        value = (value ^ (value >>> 30)) * 0xbf58476d1ce4e5b9L;
        value = (value ^ (value >>> 27)) * 0x94d049bb133111ebL;
        return value ^ (value >>> 31);
    }

    /* Evenly from 0 to range - 1, by the high bits. */
    static long scale(long random, long range) {
        return Math.multiplyHigh(random, range) + ((random >> 63) & range);
    }

    static long shuffle(long i, long range) {
        int bits = range > 1 ? 64 - Long.numberOfLeadingZeros(range - 1) : 1;
        long mask = (1L << bits) - 1;
        do {
            for (int round = 0; round < 3; round++) {
                i = (i * 0x9e3779b97f4a7c15L + 0x7f4a7c15L) & mask;
                i ^= i >>> (bits / 2 + 1);
            }
        } while (i >= range);
        return i;
    }

    static long value(long key) {
        return key * 3 + 1;
    }

    static void fill(Worker worker) {
        for (long i = worker.number; i < keys; i += worker.threads) {
            long key = shuffle(i, range);
            if (map.putIfAbsent(key, value(key)) == null) worker.balance++;
            worker.operations++;
        }
    }

    static Work operate(long put, long remove) {
        return worker -> {
            long operations = 0, found = 0, balance = 0, wrong = 0;
            while (!stopped) {
                for (int i = 0; i < BLOCK; i++) {
                    long random = worker.next(), key = scale(random, range), choice = random & 0xffffffffL;
                    if (choice < put) {
                        if (map.putIfAbsent(key, value(key)) == null) balance++;
                    } else if (choice < remove) {
                        if (map.remove(key) != null) balance--;
                    } else {
                        Long value = map.get(key);
                        if (value != null) {
                            found++;
                            if (value != value(key)) wrong++;
                        }
                    }
                }
                operations += BLOCK;
            }
            if (wrong != 0) throw new AssertionError("a value is not its key's");
            worker.operations = operations;
            worker.found = found;
            worker.balance = balance;
        };
    }

    static void scan(Worker worker) {
        while (!stopped) {
            for (int i = 0; i < BLOCK / 8; i++) {
                int left = SCAN;
                for (Map.Entry<Long, Long> entry : map.tailMap(scale(worker.next(), range)).entrySet()) {
                    worker.found += entry.getValue();
                    if (--left == 0) break;
                }
            }
            worker.operations += BLOCK / 8;
        }
    }

    static Worker run(int threads, int milliseconds, Work work) throws Exception {
        Worker[] workers = new Worker[threads];
        CyclicBarrier barrier = new CyclicBarrier(threads + 1);
        stopped = false;
        for (int i = 0; i < threads; i++) (workers[i] = new Worker(i, threads, work, barrier)).start();
        barrier.await();
        if (milliseconds != 0) {
            Thread.sleep(milliseconds);
            stopped = true;
        }
        Worker total = new Worker(0, threads, null, null);
        total.began = Long.MAX_VALUE;
        total.ended = Long.MIN_VALUE;
        for (Worker worker : workers) {
            worker.join();
            if (worker.error != null) throw new RuntimeException(worker.error);
            total.operations += worker.operations;
            total.found += worker.found;
            total.balance += worker.balance;
            total.processor += worker.processor;
            total.began = Math.min(total.began, worker.began);
            total.ended = Math.max(total.ended, worker.ended);
        }
        return total;
    }

    static void print(String workload, int threads, Worker total, double bytes) {
        long elapsed = threads == 1 ? total.processor : total.ended - total.began;
        System.out.printf(
            "{\"map\": \"%s\", \"workload\": \"%s\", \"keys\": %d, \"threads\": %d, \"operations\": %d, \"elapsed_ns\": %d, "
                + "\"rate\": %.0f%s}%n",
            NAME, workload, keys, threads, total.operations, elapsed, total.operations * 1e9 / elapsed,
            bytes > 0 ? String.format(", \"bytes_per_entry\": %.1f", bytes) : "");
    }

    static long heap() {
        System.gc();
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }

    public static void main(String[] arguments) throws Exception {
        keys = Long.parseLong(arguments[0]);
        range = keys * 2;
        int milliseconds = Integer.parseInt(arguments[1]);
        long before = heap();
        Worker total = run(FILL_THREADS, 0, MapJava::fill);
        long entries = total.balance;
        if (entries != keys) throw new AssertionError("a key was there before it was put in");
        print("fill", FILL_THREADS, total, (double) (heap() - before) / keys);
        long tenth = 0xffffffffL / 10, quarter = 0xffffffffL / 4;
        for (String workload : arguments[3].split(",")) {
            Work work = workload.equals("scan") ? MapJava::scan
                : workload.equals("mixed") ? operate(tenth, 2 * tenth)
                : workload.equals("half") ? operate(quarter, 2 * quarter) : operate(0, 0);
            entries += run(1, Math.max(milliseconds, 300), work).balance; // compiled before it is timed
            for (String threads : arguments[2].split(",")) {
                total = run(Integer.parseInt(threads), milliseconds, work);
                entries += total.balance;
                print(workload, Integer.parseInt(threads), total, 0);
            }
        }
        if (keys <= CHECK_MAX && map.size() != entries) throw new AssertionError("the entries are not those that the calls told of");
    }
}
