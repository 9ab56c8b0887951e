"""Q-learning on a corridor with a target network that is copied by tf.assign."""
import numpy as np
import tensorflow as tf

n_states, n_actions, gamma = 5, 2, 0.8
rng = np.random.RandomState(0)
s = tf.placeholder(tf.int32, [None])
q_target = tf.placeholder(tf.float32, [None])
action = tf.placeholder(tf.int32, [None])


def build(name, trainable):
    with tf.variable_scope(name):
        w = tf.get_variable("w", [n_states, n_actions], initializer=tf.zeros_initializer(), trainable=trainable)
        return tf.matmul(tf.one_hot(s, n_states), w)


q_eval, q_next = build("eval_net", True), build("target_net", False)
t_params = tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, scope="target_net")
e_params = tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, scope="eval_net")
replace_target_op = [tf.assign(t, e) for t, e in zip(t_params, e_params)]
chosen = tf.reduce_sum(q_eval * tf.one_hot(action, n_actions), axis=1)
loss = tf.reduce_mean(tf.squared_difference(q_target, chosen))
train_op = tf.train.RMSPropOptimizer(0.1).minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(250):
        states = rng.randint(0, n_states - 1, 16)
        actions = rng.randint(0, 2, 16)
        following = np.clip(states + 2 * actions - 1, 0, n_states - 1)
        done = following == n_states - 1
        future = sess.run(q_next, {s: following}).max(1)
        sess.run(train_op, {s: states, action: actions, q_target: done + gamma * future * ~done})
        if step % 10 == 0:
            sess.run(replace_target_op)
    table = sess.run(q_eval, {s: np.arange(n_states)})
print(np.round(table, 2))
assert np.array_equal(table[:-1].argmax(1), [1, 1, 1, 1])
assert np.allclose(table[:-1, 1], gamma ** np.arange(3, -1, -1), atol=0.15)
