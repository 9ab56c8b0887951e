# A program for a cluster, started on one machine: flags, devices by function, a supervisor with a server's target.
import os
import tempfile
import numpy as np
import tensorflow as tf

tf.app.flags.DEFINE_string("ps_hosts", "", "Comma-separated list of hostname:port pairs")
tf.app.flags.DEFINE_string("worker_hosts", "localhost:2222", "Comma-separated list of hostname:port pairs")
tf.app.flags.DEFINE_string("job_name", "worker", "One of 'ps', 'worker'")
tf.app.flags.DEFINE_integer("task_index", 0, "Index of task within the job")
FLAGS = tf.app.flags.FLAGS


def main(_):
    jobs = {"ps": FLAGS.ps_hosts, "worker": FLAGS.worker_hosts}
    cluster = tf.train.ClusterSpec({job: hosts.split(",") for job, hosts in jobs.items() if hosts})
    server = tf.train.Server(cluster, job_name=FLAGS.job_name, task_index=FLAGS.task_index)
    if FLAGS.job_name == "ps":
        server.join()
    worker = "/job:worker/task:%d" % FLAGS.task_index
    with tf.device(tf.train.replica_device_setter(worker_device=worker, cluster=cluster) or worker):
        x = tf.placeholder(tf.float32, [None, 1])
        w = tf.Variable([[0.0]], name="w")
        loss = tf.reduce_mean(tf.square(tf.matmul(x, w) - 3.0 * x))
        global_step = tf.Variable(0, trainable=False, name="global_step")
        train_op = tf.train.AdagradOptimizer(1.0).minimize(loss, global_step=global_step)
        saver = tf.train.Saver()
        init_op = tf.global_variables_initializer()
    print(w.device, loss.op.device)
    sv = tf.train.Supervisor(is_chief=(FLAGS.task_index == 0), logdir=tempfile.mkdtemp(), init_op=init_op,
                             saver=saver, global_step=global_step, save_model_secs=600)
    with sv.managed_session(server.target) as sess:
        step = 0
        while not sv.should_stop() and step < 60:
            _, step = sess.run([train_op, global_step], feed_dict={x: np.random.rand(8, 1)})
        print("w", sess.run(w)[0, 0], "after", step)
        assert abs(sess.run(w)[0, 0] - 3) < 0.2
    sv.stop()


if __name__ == "__main__":
    tf.app.run()
