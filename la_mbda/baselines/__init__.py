"""The model-free baselines of Table 3: PPO, PPO-Lagrangian, TRPO-Lagrangian and CPO.

By the protocol of Ray et al. (2019), "Benchmarking Safe Exploration in Deep Reinforcement
Learning": on the vector observation, without action repeat, one large batch of episodes an epoch.
"""
