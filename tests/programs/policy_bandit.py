"""A bandit by policy gradient: sampling with tf.multinomial, tf.slice, rewards fed back."""
import numpy as np
import tensorflow as tf

bandits = [0.2, 0.0, -0.2, -2.0]
num_bandits = len(bandits)
rng = np.random.RandomState(3)
tf.reset_default_graph()
tf.set_random_seed(1)
weights = tf.Variable(tf.ones([num_bandits]))
sample = tf.multinomial(tf.reshape(weights, [1, -1]), 1)
reward_holder = tf.placeholder(shape=[1], dtype=tf.float32)
action_holder = tf.placeholder(shape=[1], dtype=tf.int32)
responsible_weight = tf.slice(tf.nn.softmax(weights), action_holder, [1])
loss = -(tf.log(responsible_weight) * reward_holder)
update = tf.train.GradientDescentOptimizer(learning_rate=0.1).minimize(loss)
total_reward = np.zeros(num_bandits)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(300):
        action = sess.run(sample)[0, 0]
        reward = 1 if rng.randn() > bandits[action] else -1
        _, resp, ww = sess.run([update, responsible_weight, weights], {reward_holder: [reward], action_holder: [action]})
        total_reward[action] += reward
print("Running reward:", total_reward, "weights", np.round(ww, 2))
assert np.argmax(ww) == 3 and resp.shape == (1,)
