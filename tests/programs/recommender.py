"""Matrix factorization: embeddings of users and items, biases, L2, clipped predictions."""
import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
users, items, dim = 12, 15, 3
truth = rng.randn(users, dim).dot(rng.randn(dim, items)) * 0.5 + 3
pairs = np.array([(u, i) for u in range(users) for i in range(items)])
rates = truth[pairs[:, 0], pairs[:, 1]]

tf.set_random_seed(1)
user_batch = tf.placeholder(tf.int32, shape=[None], name="id_user")
item_batch = tf.placeholder(tf.int32, shape=[None], name="id_item")
rate_batch = tf.placeholder(tf.float32, shape=[None])
with tf.device("/cpu:0"):
    bias_global = tf.get_variable("bias_global", shape=[])
    w_bias_user = tf.get_variable("embd_bias_user", shape=[users])
    w_bias_item = tf.get_variable("embd_bias_item", shape=[items])
    bias_user = tf.nn.embedding_lookup(w_bias_user, user_batch, name="bias_user")
    bias_item = tf.nn.embedding_lookup(w_bias_item, item_batch, name="bias_item")
    w_user = tf.get_variable("embd_user", shape=[users, dim], initializer=tf.truncated_normal_initializer(stddev=0.3))
    w_item = tf.get_variable("embd_item", shape=[items, dim], initializer=tf.truncated_normal_initializer(stddev=0.3))
    embd_user = tf.nn.embedding_lookup(w_user, user_batch, name="embedding_user")
    embd_item = tf.nn.embedding_lookup(w_item, item_batch, name="embedding_item")
with tf.device("/gpu:0"):
    infer = tf.reduce_sum(tf.multiply(embd_user, embd_item), 1)
    infer = tf.add(tf.add(tf.add(infer, bias_global), bias_user), bias_item, name="svd_inference")
    regularizer = tf.add(tf.nn.l2_loss(embd_user), tf.nn.l2_loss(embd_item), name="svd_regularizer")
assert w_user.device == "/device:CPU:0" and infer.device == "/device:GPU:0"
global_step = tf.train.get_or_create_global_step()
cost = tf.add(tf.nn.l2_loss(tf.subtract(infer, rate_batch)), 0.001 * regularizer)
train_op = tf.train.AdamOptimizer(0.1).minimize(cost, global_step=global_step)
rmse = tf.sqrt(tf.reduce_mean(tf.squared_difference(tf.clip_by_value(infer, 0.0, 6.0), rate_batch)))
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    everything = {user_batch: pairs[:, 0], item_batch: pairs[:, 1], rate_batch: rates}
    start = sess.run(rmse, everything)
    for i in range(60):
        chosen = rng.randint(0, len(pairs), 60)
        sess.run(train_op, {user_batch: pairs[chosen, 0], item_batch: pairs[chosen, 1], rate_batch: rates[chosen]})
    end = sess.run(rmse, everything)
    print("rmse %.3f -> %.3f after %d steps" % (start, end, sess.run(global_step)))
    assert end < 0.35 * start and sess.run(global_step) == 60
